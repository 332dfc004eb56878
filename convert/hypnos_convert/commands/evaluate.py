"""``evaluate``: score a target on a benchmark."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from ..errors import InputError
from ..evaluate.asking import ask_all
from ..evaluate.items import KINDS, Benchmark, Item, read_benchmark, select
from ..evaluate.result import write_result
from ..evaluate.scoring import rows_of
from ..evaluate.targets import open_target
from ..progress import Progress
from ..staging import check_target
from .arguments import add_quiet_argument, positive, text

BENCHMARK = Path(__file__).parents[2] / "benchmark"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--target",
        required=True,
        metavar="WHERE",
        help="package folder, Hugging Face folder, .jsonl of answers, or endpoint address ending in /v1",
    )
    parser.add_argument(
        "--items", type=Path, default=BENCHMARK, metavar="DIR", help="benchmark folder (default: this project's own)"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="new folder for the result (default: runs/NAME)")
    parser.add_argument("--kinds", type=_kinds, default=KINDS, metavar="LIST", help=f"of {','.join(KINDS)}")
    parser.add_argument(
        "--limit", type=positive, metavar="N", help="at most N items of each kind, spread over categories"
    )
    parser.add_argument(
        "--max-tokens", type=positive, metavar="N", help="of an answer, instead of the limits of each kind"
    )
    add_answer_cache_argument(parser)
    parser.add_argument("--name", type=text, help="what reports call the target")
    add_quiet_argument(parser)
    endpoint = parser.add_argument_group("endpoint")
    endpoint.add_argument("--model", type=text, help="name under which the endpoint serves the model")
    endpoint.add_argument("--api-key-env", metavar="NAME", help="environment variable that holds the key")
    endpoint.add_argument(
        "--concurrency", type=positive, default=4, metavar="N", help="requests at a time (%(default)s)"
    )
    package = parser.add_argument_group("package")
    package.add_argument("--library", default="software", help="which of its libraries to run (default %(default)s)")
    add_engine_argument(package)


def add_engine_argument(parser: argparse._ActionsContainer) -> None:
    """--engine, shared by all commands that run packages."""
    parser.add_argument(
        "--engine",
        choices=("web-llm", "wllama"),
        default="web-llm",
        help="what runs it: web-llm on WebGPU (default), or wllama on the processor, as the page does without WebGPU",
    )


def add_answer_cache_argument(parser: argparse.ArgumentParser) -> None:
    """--answers-cache, shared by all commands that ask models."""
    parser.add_argument(
        "--answers-cache",
        type=Path,
        default=default_answer_cache(),
        metavar="DIR",
        help="where answers are kept between runs (default %(default)s); holds answers to private items too",
    )


def default_answer_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hypnos-convert" / "answers"


def run(args: argparse.Namespace) -> None:
    progress = Progress(quiet=args.quiet)
    benchmark = open_benchmark(args.items)
    items = select(benchmark.items, args.kinds, args.limit)
    if not items:
        raise InputError(f"{args.items}: no item of {', '.join(args.kinds)}")
    target = open_target(
        args.target,
        cache=args.answers_cache,
        model=args.model,
        api_key_env=args.api_key_env,
        library=args.library,
        engine=args.engine,
        name=args.name,
        concurrency=args.concurrency,
    )
    out = args.out or Path("runs") / (re.sub(r"[^\w.-]+", "-", target.name).strip("-.") or target.kind)
    # Before hours of asking, not after.
    check_target(out)
    if target.kind == "endpoint":
        warn_of_sending(items, args.target)
    with (
        progress.stage(f"{target.name}: {len(items)} items"),
        tqdm(total=len(items), unit="item", disable=True if args.quiet else None, leave=False) as bar,
    ):
        answers = ask_all(target, items, args.answers_cache, max_tokens=args.max_tokens, tick=bar.update)
    with progress.stage("metrics"):
        rows = rows_of(items, answers)
        about = write_result(out, benchmark, target, items, answers, rows, max_tokens=args.max_tokens)
    for score in about["scores"]:
        interval = f" [{score['low']:.2f}, {score['high']:.2f}]" if score["low"] is not None else ""
        progress.say(
            f"{score['kind']}.{score['key']}: {score['value']:.2f}{interval}  n={score['items']}  {score['signature']}"
        )
    for warning in about["warnings"]:
        progress.say(f"note: {warning['en']}")
    progress.say(f"{out}: result.json; `report --runs {out}` makes it readable")


def open_benchmark(folder: Path) -> Benchmark:
    """Read a benchmark; what is wrong with single lines is said on stderr."""
    benchmark = read_benchmark(folder)
    for problem in benchmark.problems:
        print(f"left out: {problem}", file=sys.stderr)
    for warning in benchmark.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return benchmark


def warn_of_sending(items: Sequence[Item], address: str) -> None:
    """Say on stderr that private items leave this machine, if they do."""
    if any(item.private for item in items) and urlsplit(address).hostname not in ("localhost", "127.0.0.1", "::1"):
        print(f"warning: private items are sent to {address}; use an endpoint of your own for them", file=sys.stderr)


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise argparse.ArgumentTypeError(f"use one or more of {', '.join(KINDS)}, separated by commas")
    return tuple(kind for kind in KINDS if kind in kinds)
