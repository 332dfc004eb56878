"""``report``: one page, and the same as JSON, of one or several results."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..evaluate import judge
from ..evaluate.documents import JUDGEMENT, read_document
from ..evaluate.human.ratings import load_summary
from ..evaluate.items import read_benchmark
from ..evaluate.report import Sources, to_html, to_json
from ..evaluate.result import read_result
from ..manifest import to_json as encode
from ..progress import Progress
from ..staging import Staging
from .arguments import add_output_argument, add_quiet_argument
from .evaluate import BENCHMARK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=Path, nargs="+", required=True, metavar="RESULT", help="result folders")
    parser.add_argument("--previous", type=Path, metavar="RESULT", help="show what changed since this result")
    parser.add_argument("--judgement", type=Path, metavar="FILE", help="what `judge` wrote")
    parser.add_argument("--human", type=Path, metavar="FILE", help="what `human import` wrote")
    parser.add_argument("--items", type=Path, default=BENCHMARK, metavar="DIR", help="benchmark folder, for examples")
    add_output_argument(parser, "report.html and report.json")
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> None:
    runs = [read_result(folder) for folder in args.runs]
    names = [result.name for result in runs]
    if len(set(names)) < len(names):
        raise InputError("two results have the same name; evaluate one of them with another --name")
    items = {item.id: item for item in read_benchmark(args.items).items} if args.items.is_dir() else {}
    sources = Sources(
        runs=runs,
        items=items,
        previous=read_result(args.previous) if args.previous else None,
        judgement=_judgement(args.judgement) if args.judgement else None,
        human=load_summary(args.human) if args.human else None,
    )
    with Staging(args.out, {"step": "report"}) as staging:
        staging.write("report.html", to_html(sources))
        staging.publish(("report.json", encode(to_json(sources))))
    Progress(quiet=args.quiet).say(f"{args.out / 'report.html'}: opens in any browser, loads nothing")


def _judgement(path: Path) -> dict[str, Any]:
    content = read_document(path, judge.FORMAT, JUDGEMENT, "not written by `judge`")
    summary, usage = content["summary"], content["usage"]
    for number, entry in enumerate(summary["judges"]):
        if entry["judge"] not in usage:
            raise InputError(f"{path}: usage: {entry['judge']} is missing")
        if entry["pairs"] and len(summary["targets"]) != 2:
            raise InputError(f"{path}: summary/judges/{number}/pairs: there are pairs, but one target")
    return content
