"""``python -m hypnos_convert.evaluate.speed``: how long the automatic metrics take on this machine, and their memory.

Texts are from ``convert/data``: an answer is half of one and half of another, so that nearly all of them differ.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import time
from pathlib import Path

from ..journal import read_lines
from .items import Item
from .metrics import Answer
from .result import summary
from .scoring import rows_of

DATA = Path(__file__).parents[2] / "data" / "anaesthesia"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--answers", type=int, default=10_000, metavar="N")
    count = parser.parse_args().answers
    records = [record for path in sorted(DATA.glob("*.jsonl")) for record in read_lines(path)]
    draw = random.Random(0)
    chosen = [draw.choice(records) for _ in range(count)]
    items = [Item("aneqa", _item(number, record), False, "") for number, record in enumerate(chosen)]
    answers = [Answer(_spliced(draw.choice(records), draw.choice(records)), "stop") for _ in items]
    started = time.perf_counter()
    rows = rows_of(items, answers)
    scored = time.perf_counter()
    summary(items, rows)
    ended = time.perf_counter()
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, children = (each.ru_maxrss / 1024 for each in usage)
    print(
        json.dumps(
            {
                "answers": count,
                "mean_characters": round(sum(len(answer.text) for answer in answers) / count, 1),
                "cores": os.cpu_count(),
                "metrics_s": round(scored - started, 1),
                "intervals_s": round(ended - scored, 1),
                "total_s": round(ended - started, 1),
                # What wall-clock times hide on a machine that does other things too.
                "cpu_s": round(sum(each.ru_utime + each.ru_stime for each in usage), 1),
                "peak_mib": {"parent": round(own), "largest_worker": round(children)},
            },
            indent=1,
        )
    )


def _spliced(a: dict[str, str], b: dict[str, str]) -> str:
    return a["output"][: len(a["output"]) // 2] + b["output"][len(b["output"]) // 2 :]


def _item(number: int, record: dict[str, str]) -> dict[str, object]:
    text = record["output"]
    thirds = [text[start : start + 6] for start in range(0, max(1, len(text) - 6), max(1, len(text) // 4))]
    return {
        "id": f"speed-{number}",
        "category": record["category"],
        "difficulty": "basic",
        "question": record["instruction"],
        "reference": text,
        "key_points": [
            {"text": part, "weight": 1, "patterns": [part, f"{part[:2]}*{part[-2:]}"]}
            for part in thirds
            if part.strip("* \n，。；、：")
        ]
        or [{"text": text, "weight": 1, "patterns": [text[:20]]}],
        "forbidden": [{"text": "wrong", "patterns": ["绝对安全"]}],
    }


if __name__ == "__main__":
    main()
