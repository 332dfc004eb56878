"""``judge``: language models judge the open answers of one or two results."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..endpoint import EndpointSettings, Ledger
from ..errors import InputError
from ..evaluate import judge as judging
from ..evaluate.asking import texts
from ..evaluate.documents import MAJORITY
from ..evaluate.human.ratings import load_summary
from ..evaluate.items import select
from ..evaluate.result import read_result
from ..evaluate.settings import read_judges
from ..manifest import to_json
from ..progress import Progress
from .arguments import add_quiet_argument
from .evaluate import (
    BENCHMARK,
    add_answer_cache_argument,
    default_answer_cache,
    open_benchmark,
    warn_of_sending,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", metavar="RESULT", help="one or two result folders")
    parser.add_argument("--judges", type=Path, required=True, metavar="FILE", help="JSON list of endpoints; see README")
    parser.add_argument("--items", type=Path, default=BENCHMARK, metavar="DIR", help="benchmark folder of the results")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N items, spread over categories")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="verdicts and their summary, JSON")
    parser.add_argument("--human", type=Path, metavar="FILE", help="what `human import` wrote, to measure agreement")
    parser.add_argument(
        "--ledger",
        type=Path,
        default=default_answer_cache() / "judges.ledger.jsonl",
        metavar="FILE",
        help="replies that were paid for (default %(default)s)",
    )
    add_answer_cache_argument(parser)
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> None:
    if len(args.runs) > 2:
        raise InputError("judge compares two results, or marks one; give at most two folders")
    results = [read_result(folder) for folder in args.runs]
    names = [result.name for result in results]
    if len(set(names)) < len(names):
        raise InputError(f"both results are called {names[0]}; evaluate one of them with another --name")
    judges = read_judges(args.judges)
    items = select(open_benchmark(args.items).items, ["aneqa"], args.limit)
    answers = {result.name: texts(result, items, args.answers_cache) for result in results}
    common = [item for item in items if all(item.id in texts for texts in answers.values())]
    if not common:
        raise InputError(f"no open answer of {', '.join(names)} is to an item of {args.items}")
    human = load_summary(args.human, MAJORITY)["majority"] if args.human else None
    progress = Progress(quiet=args.quiet)
    for settings in judges:
        warn_of_sending(common, settings.base_url)
    total = len(judges) * len(common) * (len(names) + 2 * (len(names) - 1))
    with Ledger(args.ledger) as ledger, tqdm(total=total, disable=True if args.quiet else None, leave=False) as bar:
        verdicts = asyncio.run(judging.judge(judges, ledger, common, answers, tick=bar.update))
        usage = {settings.name: asdict(ledger.usage(settings.name)) for settings in judges}
        seconds = {settings.name: _seconds(args.ledger, settings) for settings in judges}
    summary = judging.summarise(verdicts, names, {s.name: s.model for s in judges}, human=human)
    document: dict[str, Any] = {
        "format": judging.FORMAT,
        "summary": summary,
        "usage": {name: {**usage[name], "seconds": seconds[name]} for name in usage},
        "pairs": [{**asdict(verdict), "winner": verdict.winner} for verdict in verdicts.pairs],
        "singles": [asdict(verdict) for verdict in verdicts.singles],
    }
    args.out.parent.mkdir(parents=True, exist_ok=True)
    temporary = args.out.with_name(args.out.name + ".tmp")
    temporary.write_bytes(to_json(document))
    os.replace(temporary, args.out)
    for problem in verdicts.problems:
        progress.say(f"not usable: {problem}")
    for entry in summary["judges"]:
        say_judge(progress, entry, names)


def say_judge(progress: Progress, entry: dict[str, Any], names: list[str]) -> None:
    """One judge in a few lines."""
    if entry["pairs"]:
        wins, position = entry["wins"], entry["position"]
        progress.say(
            f"{entry['judge']}: {names[0]} {wins['a']}, {names[1]} {wins['b']}, ties {wins['tie']}; rate "
            f"{wins['rate_a']:.2f} [{wins['low']:.2f}, {wins['high']:.2f}], p={wins['p']:.4f}"
        )
        if position["biased"]:
            progress.say(
                f"{entry['judge']}: POSITION BIAS: the first answer won {position['first_rate']:.0%} of the time and "
                f"{position['inconsistent']:.0%} of the pairs changed with the order"
            )
        if entry["self_preference"]:
            progress.say(f"{entry['judge']}: judges its own answers ({', '.join(entry['self_preference'])})")
    for target, marks in entry["marks"].items():
        progress.say(f"{entry['judge']}: {target}: " + ", ".join(f"{key} {value:.2f}" for key, value in marks.items()))


def _seconds(path: Path, settings: EndpointSettings) -> float:
    lines = (json.loads(line) for line in path.read_text("utf-8").split("\n") if line.strip())
    replies = (line["reply"] for line in lines if line.get("event") == "reply" and line["endpoint"] == settings.name)
    return round(sum(reply["seconds"] for reply in replies), 3)
