"""``ablations``: runs of the pipeline side by side, with intervals."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from ..ablations import compare_runs
from ..smoke import MEASURES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="DIR", help="folders of evaluated runs; the first is the measure"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> None:
    arms = compare_runs(args.runs)
    if args.json:
        print(json.dumps([asdict(arm) for arm in arms], ensure_ascii=False, indent=1))
        return
    print("95% intervals: bootstrap over questions; differences from the first run, paired, * p < 0.05")
    for arm in arms:
        print(f"{arm.name}: {' → '.join(arm.phases)}, {arm.steps} steps, {arm.questions} questions")
        for measure in MEASURES:
            score = arm.scores[measure]
            text = f"  {measure:18}{score.value:8.4f}"
            if score.low is not None:
                text += f"  [{score.low:.4f}, {score.high:.4f}]"
            if arm.differences:
                change = arm.differences[measure]
                mark = "*" if change.p < 0.05 else " "
                text += f"   {change.value:+.4f}  [{change.low:+.4f}, {change.high:+.4f}]{mark} p {change.p:.4f}"
                text += f", n={arm.shared}"
            print(text)
