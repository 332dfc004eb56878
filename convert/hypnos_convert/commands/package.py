"""``package``: a checkpoint becomes a folder that the page loads."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path
from typing import Any

from ..chat_template import TemplateOptions
from ..inputs import read_json_object, read_text
from ..manifest import check_evaluation
from ..package import DEFAULT_TARGETS, NOTICE_EN, NOTICE_ZH, TARGETS, Description, make_package
from ..progress import Progress
from .arguments import (
    add_cache_argument,
    add_model_arguments,
    add_output_argument,
    add_quiet_argument,
    model_options,
    text,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser)
    add_output_argument(parser, "the package")
    parser.add_argument(
        "--targets",
        type=_targets,
        default=DEFAULT_TARGETS,
        metavar="LIST",
        help=f"kinds of device, comma-separated, from {', '.join(TARGETS)} (default: {','.join(DEFAULT_TARGETS)})",
    )
    add_cache_argument(parser)
    add_quiet_argument(parser)

    about = parser.add_argument_group("what people are told about the package")
    about.add_argument("--id", help="stable name, lower-case (default: the folder's name)")
    about.add_argument("--version", default="0.1.0", help="as in 1.2.3 (default %(default)s)")
    about.add_argument("--title-zh", type=text, metavar="TEXT")
    about.add_argument("--title-en", type=text, metavar="TEXT")
    about.add_argument(
        "--licence", type=text, metavar="TEXT", help="of the weights; licence files beside them are copied anyway"
    )
    about.add_argument("--base", type=text, metavar="TEXT", help="the checkpoint that training started from")
    about.add_argument("--provenance", type=Path, metavar="FILE", help="JSON: base, stages, data, licence")
    about.add_argument("--evaluation", type=Path, metavar="FILE", help="JSON: benchmark, version, scores")
    about.add_argument(
        "--reviewer", type=text, metavar="TEXT", help="who reviewed the model clinically; leave out if nobody did"
    )
    about.add_argument("--notice-zh", type=text, metavar="TEXT", default=NOTICE_ZH)
    about.add_argument("--notice-en", type=text, metavar="TEXT", default=NOTICE_EN)

    chat = parser.add_argument_group("conversation")
    chat.add_argument("--chat-template", type=Path, metavar="FILE", help="Jinja file instead of the checkpoint's own")
    chat.add_argument(
        "--system-prompt", type=text, metavar="TEXT", help="system message of conversations that bring none"
    )
    chat.add_argument("--no-system", action="store_true", help="no system message will ever be given")
    chat.add_argument("--thinking", action="store_true", help="let models that can do so think before they answer")
    chat.add_argument("--template-date", type=_date, metavar="YYYY-MM-DD", help="what the template takes for today")


def run(args: argparse.Namespace) -> None:
    description = Description(
        id=args.id,
        version=args.version,
        title_zh=args.title_zh,
        title_en=args.title_en,
        licence=args.licence,
        base=args.base,
        reviewer=args.reviewer,
        notice_zh=args.notice_zh,
        notice_en=args.notice_en,
        evaluation=_evaluation(args.evaluation) if args.evaluation else None,
    )
    if args.provenance:
        description = description.with_provenance(args.provenance)
    make_package(
        model_options(args),
        args.out,
        targets=args.targets,
        description=description,
        template=TemplateOptions(
            source=read_text(args.chat_template) if args.chat_template else None,
            system_prompt=args.system_prompt,
            thinking=args.thinking,
            system=not args.no_system,
            date=args.template_date,
        ),
        cache_dir=args.cache,
        progress=Progress(quiet=args.quiet),
    )


def _targets(text: str) -> tuple[str, ...]:
    targets = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [target for target in targets if target not in TARGETS]
    if unknown or not targets:
        named = unknown[0] if unknown else text
        raise argparse.ArgumentTypeError(f"unknown target {named!r}; use {', '.join(TARGETS)}")
    return targets


def _date(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _evaluation(path: Path) -> dict[str, Any]:
    value = read_json_object(path)
    check_evaluation(value, path)
    return value
