"""``quantization-loss``: a run's package in a browser against its checkpoint."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from ..errors import ConvertError
from ..progress import Progress
from ..quantization_loss import COMPARED, quantization_loss
from .arguments import add_quiet_argument
from .evaluate import add_answer_cache_argument, add_engine_argument


class LossError(ConvertError):
    """The package answers worse than was allowed."""

    exit_code = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="of a finished run")
    add_engine_argument(parser)
    parser.add_argument(
        "--points",
        type=float,
        metavar="N",
        help="fail if the package's key-point overlap is lower by more than N points of 100",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_answer_cache_argument(parser)
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> None:
    loss = quantization_loss(args.folder, args.engine, args.answers_cache, Progress(quiet=args.quiet))
    if args.json:
        print(json.dumps(asdict(loss), ensure_ascii=False, indent=1))
    else:
        print(f"{loss.questions} questions, {loss.same} answered in the same words; 95% intervals, paired bootstrap")
        for name in COMPARED:
            change = loss.differences[name]
            print(
                f"  {name:18}{loss.checkpoint[name]:8.4f} -> {loss.package[name]:.4f}"
                f"   {change.value:+.4f}  [{change.low:+.4f}, {change.high:+.4f}]"
            )
    fallen = -100 * loss.differences["key_point_overlap"].value
    if args.points is not None and fallen > args.points:
        raise LossError(f"key-point overlap is {fallen:.2f} points lower in the package, more than {args.points:g}")
