"""``compare``: whether two results differ by more than chance."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..evaluate.compare import compare, item_changes
from ..evaluate.result import read_result


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", type=Path, metavar="A", help="result folder")
    parser.add_argument("b", type=Path, metavar="B", help="result folder; differences are B minus A")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--fail-on-regression", action="store_true", help="exit 1 if B is significantly worse anywhere")


def run(args: argparse.Namespace) -> int:
    a, b = read_result(args.a), read_result(args.b)
    comparisons = compare(a, b)
    changes = item_changes(a, b)
    if args.json:
        print(
            json.dumps(
                {"comparisons": [c.to_json() for c in comparisons], "changes": changes}, ensure_ascii=False, indent=1
            )
        )
    else:
        print(f"A = {a.name}, B = {b.name}; * p < 0.05, not corrected for the number of tests")
        print(f"{'':34}{'A':>9}{'B':>9}{'B-A':>9}   95% interval        p")
        for c in comparisons:
            d = c.difference
            mark = "*" if c.significant else " "
            print(
                f"{c.kind + '.' + c.measure.key:34}{c.a:9.2f}{c.b:9.2f}{d.value:+9.2f}   [{d.low:+.2f}, {d.high:+.2f}]"
                f"{'':4}{d.p:.4f}{mark} {d.test}, n={c.items}{'  WORSE' if c.regression else ''}"
            )
    return 1 if args.fail_on_regression and any(c.regression for c in comparisons) else 0
