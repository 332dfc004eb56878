"""``contamination``: fail if training text holds a benchmark item."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..evaluate.contamination import check
from .evaluate import BENCHMARK, open_benchmark


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "training", type=Path, nargs="+", metavar="DIR", help="folders of .jsonl and .txt training text"
    )
    parser.add_argument("--items", type=Path, default=BENCHMARK, metavar="DIR", help="benchmark folder")


def run(args: argparse.Namespace) -> int:
    items = open_benchmark(args.items).items
    overlaps = [overlap for folder in args.training for overlap in check(items, folder)]
    for overlap in overlaps:
        print(overlap)
    seen = len({overlap.item for overlap in overlaps})
    print(f"{seen} of {len(items)} items are in the training text" if seen else f"{len(items)} items held out")
    return 1 if seen else 0
