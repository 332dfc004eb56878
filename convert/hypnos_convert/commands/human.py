"""``human``: blinded forms for raters, and what their ratings say."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from ..errors import InputError
from ..evaluate.asking import texts
from ..evaluate.human.agreement import summarise
from ..evaluate.human.forms import make_forms
from ..evaluate.human.page import to_html
from ..evaluate.human.ratings import read_key, read_ratings
from ..evaluate.human.sheets import to_csv, to_xlsx
from ..evaluate.items import select
from ..evaluate.result import read_result
from ..manifest import to_json
from ..progress import Progress
from ..staging import Staging
from .arguments import add_output_argument, add_quiet_argument
from .evaluate import BENCHMARK, add_answer_cache_argument, open_benchmark


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    export = actions.add_parser("export", help="forms for one or two results, and the key that stays with you")
    export.add_argument("runs", type=Path, nargs="+", metavar="RESULT", help="one or two result folders")
    export.add_argument("--items", type=Path, default=BENCHMARK, metavar="DIR", help="benchmark folder of the results")
    export.add_argument("--raters", type=_raters, required=True, metavar="LIST", help="names or numbers, e.g. r1,r2,r3")
    export.add_argument("--limit", type=int, metavar="N", help="at most N questions, spread over categories")
    export.add_argument("--seed", type=int, default=1, help="decides orders and sides (default %(default)s)")
    add_output_argument(export, "forms and key")
    add_answer_cache_argument(export)
    add_quiet_argument(export)
    imported = actions.add_parser("import", help="read filled forms; win rates, agreement, bias")
    imported.add_argument("files", type=Path, nargs="+", metavar="FILE", help=".json, .xlsx or .csv from raters")
    imported.add_argument("--key", type=Path, required=True, metavar="FILE", help="key.json of the export")
    imported.add_argument("--out", type=Path, required=True, metavar="FILE", help="summary, JSON")
    add_quiet_argument(imported)
    for action in (export, imported):
        action.add_argument("--debug", action="store_true", help="show the traceback of an error")


def run(args: argparse.Namespace) -> None:
    if args.action == "export":
        _export(args)
    else:
        _import(args)


def _export(args: argparse.Namespace) -> None:
    if len(args.runs) > 2:
        raise InputError("a form compares two results, or marks one; give at most two folders")
    results = [read_result(folder) for folder in args.runs]
    names = [result.name for result in results]
    if len(set(names)) < len(names):
        raise InputError(f"both results are called {names[0]}; evaluate one of them with another --name")
    questions = open_benchmark(args.items).items
    answers = {result.name: texts(result, questions, args.answers_cache) for result in results}
    answered = [item for item in questions if all(item.id in given for given in answers.values())]
    items = select(answered, ["aneqa"], args.limit)
    if not items:
        raise InputError(f"no open answer of {', '.join(names)} is to an item of {args.items}")
    forms, key = make_forms(items, answers, args.raters, args.seed)
    with Staging(args.out, {"step": "human export"}) as staging:
        for form in forms:
            staging.write(f"{form.rater}.html", to_html(form))
            staging.write(f"{form.rater}.xlsx", to_xlsx(form))
            staging.write(f"{form.rater}.csv", to_csv(form))
        staging.publish(("key.json", to_json(key)))
    Progress(quiet=args.quiet).say(
        f"{args.out}: {len(items)} questions for {', '.join(args.raters)}. Give each rater one of their files; "
        "key.json tells which answer is whose and stays with you"
    )


def _import(args: argparse.Namespace) -> None:
    progress = Progress(quiet=args.quiet)
    read = read_ratings(args.files, read_key(args.key))
    for problem in read.problems:
        progress.say(f"not used: {problem}")
    if not read.ratings:
        raise InputError("no usable rating in any of the files")
    summary = summarise(read)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    temporary = args.out.with_name(args.out.name + ".tmp")
    temporary.write_bytes(to_json(summary))
    os.replace(temporary, args.out)
    wins = summary["wins"]
    if wins and wins["rate_a"] is None:
        progress.say("nobody said which answer is better; there are marks only")
    elif wins:
        a, b = summary["targets"]
        progress.say(
            f"{a} {wins['a']}, {b} {wins['b']}, ties {wins['tie']}; rate of {a} {wins['rate_a']:.2f} "
            f"[{wins['low']:.2f}, {wins['high']:.2f}], p={wins['p']:.4f}"
        )
    for name, value in summary["alpha"].items():
        progress.say(f"Krippendorff's alpha, {name}: {'not defined' if value is None else f'{value:.3f}'}")
    for bias in summary["bias"]:
        leniency = "" if bias["leniency"] is None else f", {bias['leniency']:+.2f} points against the others"
        place = ", PREFERS ONE SIDE" if bias["position_biased"] else ""
        progress.say(f"{bias['rater']}: {bias['ratings']} ratings{leniency}{place}")
    progress.say(f"{len(summary['disagreements'])} items to discuss; {args.out} lists them")


def _raters(text: str) -> list[str]:
    raters = [part.strip() for part in text.split(",") if part.strip()]
    for rater in raters:
        if not re.fullmatch(r"[\w-]{1,32}", rater):
            raise argparse.ArgumentTypeError(f"{rater!r}: use letters, digits, _ and -")
    if not raters or len(set(raters)) < len(raters):
        raise argparse.ArgumentTypeError("give at least one rater, each once")
    return raters
