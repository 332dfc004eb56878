"""The folder that an evaluation leaves: what was scored, how, and the numbers.

    result.json              everything a reader needs to trust a number, and the numbers
    items.jsonl              one line per item: id, kind, category, difficulty, status, statistics
    answers.jsonl            answers to public items only
    package-evaluation.json  what ``package --evaluation`` puts into hypnos-package.json

Private items appear in ``items.jsonl`` alone, with their ids and numbers.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import InputError
from ..inputs import shown
from ..journal import read_numbered_lines
from ..manifest import to_json
from ..staging import Staging
from . import prompts
from .documents import RESULT, read_document
from .items import KINDS, Benchmark, Item
from .metrics import FAMILIES, Answer
from .metrics.choice import parse
from .metrics.degenerate import is_degenerate
from .metrics.keypoints import find
from .scoring import headline, scores
from .statistics import RESAMPLES, SEED
from .targets import Target

FORMAT = "hypnos-evaluation/1"
RESULT_NAME = "result.json"


@dataclass(frozen=True)
class Result:
    """A finished evaluation, read back. ``items`` are the lines of items.jsonl, ``answers`` texts by id."""

    folder: Path
    about: dict[str, Any]
    items: list[dict[str, Any]]
    answers: dict[str, dict[str, Any]]

    @property
    def name(self) -> str:
        return self.about["target"]["name"]


def write_result(
    out: Path,
    benchmark: Benchmark,
    target: Target,
    items: Sequence[Item],
    answers: Sequence[Answer],
    rows: Sequence[Sequence[float]],
    *,
    max_tokens: int | None,
) -> dict[str, Any]:
    """Write the folder, complete or not at all; returns the content of result.json.

    Raises:
        OutputError: ``out`` holds something already, or the disk is full.
    """
    about = {
        "format": FORMAT,
        "benchmark": {
            "name": benchmark.name,
            "version": benchmark.version,
            "sha256": benchmark.digest,
            "reviewed": benchmark.reviewed,
            "private": benchmark.private,
            "left_out": len(benchmark.problems),
        },
        "target": {"name": target.name, "kind": target.kind, "identity": target.identity},
        "parameters": {
            "prompts": prompts.VERSION,
            "decoding": "greedy",
            "max_tokens": {kind: max_tokens or prompts.MAX_TOKENS[kind] for kind in KINDS},
            "bootstrap": {"resamples": RESAMPLES, "seed": SEED, "interval": "95% percentile"},
            "made_with": {"hypnos-convert": __version__},
        },
        **summary(items, rows),
    }
    lines = list(_item_lines(items, answers, rows))
    texts = list(_answer_lines(items, answers))
    with Staging(out, {"step": "evaluate"}) as staging:
        staging.write("items.jsonl", _jsonl(lines))
        staging.write("answers.jsonl", _jsonl(texts))
        staging.write("package-evaluation.json", to_json(package_evaluation(about)))
        staging.publish((RESULT_NAME, to_json(about)))
    return about


def summary(items: Sequence[Item], rows: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Scores of each kind, headline scores by category and difficulty, letters chosen, and warnings."""
    by_kind: dict[str, list[Sequence[float]]] = defaultdict(list)
    groups: dict[str, dict[tuple[str, str], list[Sequence[float]]]] = {
        "category": defaultdict(list),
        "difficulty": defaultdict(list),
    }
    for item, row in zip(items, rows, strict=True):
        by_kind[item.kind].append(row)
        groups["category"][item.kind, item.category].append(row)
        groups["difficulty"][item.kind, item.difficulty].append(row)
    scored = [score for kind in by_kind for score in scores(kind, by_kind[kind])]
    result = {
        "items": {kind: len(rows) for kind, rows in by_kind.items()},
        "scores": [score.to_json() for score in scored],
        "by": {
            name: {
                kind: {
                    group: _brief(headline(kind, rows))
                    for (of, group), rows in sorted(groups[name].items())
                    if of == kind
                }
                for kind in by_kind
            }
            for name in groups
        },
    }
    return {**result, "warnings": list(warnings({(s.kind, s.measure.key): s.estimate for s in scored}))}


def warnings(values: Mapping[tuple[str, str], Any]) -> Iterator[dict[str, str]]:
    """What a reader must know before believing the numbers, in Chinese and English."""
    accuracy, chance = values.get(("anecq", "accuracy")), values.get(("anecq", "chance"))
    if accuracy is not None and (accuracy.low or 0) <= chance.value:
        yield {
            "code": "at-chance",
            "zh": f"选择题正确率 {accuracy.value:.1f}% 并不高于随机猜测（{chance.value:.1f}%）。",
            "en": f"Accuracy on choice questions, {accuracy.value:.1f}%, is no better than guessing "
            f"({chance.value:.1f}%).",
        }
    favourite = values.get(("anecq", "favourite_letter"))
    if favourite is not None and favourite.value >= 60:
        yield {
            "code": "letter-bias",
            "zh": f"单选题中 {favourite.value:.0f}% 的回答是同一个字母：这不是在答题。",
            "en": f"{favourite.value:.0f}% of the answers to single-answer questions are one and the same letter.",
        }
    for kind in ("aneqa", "anerc"):
        bad = values.get((kind, "degenerate_rate"))
        if bad is not None and bad.value >= 10:
            yield {
                "code": f"degenerate-{kind}",
                "zh": f"{bad.value:.0f}% 的回答为空、循环重复或不是中文（{kind}）。",
                "en": f"{bad.value:.0f}% of the answers are empty, looping or not Chinese ({kind}).",
            }
    wrong = values.get(("aneqa", "forbidden_rate"))
    if wrong is not None and wrong.value > 0:
        yield {
            "code": "forbidden",
            "zh": f"{wrong.value:.1f}% 的开放题回答含有禁忌（错误或危险）的表述。",
            "en": f"{wrong.value:.1f}% of the open answers make a forbidden (wrong or dangerous) statement.",
        }


def package_evaluation(about: Mapping[str, Any]) -> dict[str, Any]:
    """The ``evaluation`` object of hypnos-package.json. Signatures name the engine where it is not web-llm."""
    identity = about["target"]["identity"]
    engine = f"|{identity['engine']}" if isinstance(identity, dict) and "engine" in identity else ""
    scores = [
        {
            "name": f"{score['kind']}.{score['key']}",
            "value": score["value"],
            **({"low": score["low"], "high": score["high"]} if score["low"] is not None else {}),
            "signature": f"n:{score['items']}|{about['parameters']['prompts']}|greedy{engine}|{score['signature']}"[
                :400
            ],
        }
        for score in about["scores"]
    ]
    return {"benchmark": about["benchmark"]["name"], "version": about["benchmark"]["version"], "scores": scores}


def read_result(folder: Path) -> Result:
    """Read a result folder.

    Raises:
        InputError: it is none, or a file of it is damaged.
    """
    path = folder / RESULT_NAME
    if not path.is_file():
        raise InputError(f"{folder}: no {RESULT_NAME}; give a folder that `evaluate --out` has made")
    about = read_document(path, FORMAT, RESULT, f"format must be {FORMAT!r}")
    for name, groups in about["by"].items():
        for kind in about["items"]:
            if kind not in groups:
                raise InputError(f"{path}: by/{name}: {kind} is missing")
    return Result(folder, about, _read_items(folder / "items.jsonl"), _read_answers(folder / "answers.jsonl"))


def _read_items(path: Path) -> list[dict[str, Any]]:
    items = []
    for number, line in read_numbered_lines(path):
        if not isinstance(line.get("id"), str):
            raise InputError(f"{path}:{number}: id: a string is needed")
        kind, row = line.get("kind"), line.get("row")
        if kind not in KINDS:
            raise InputError(f"{path}:{number}: kind: one of {', '.join(KINDS)} is needed, found {shown(kind)}")
        width = sum(family.width for family in FAMILIES[kind])
        if not isinstance(row, list) or len(row) != width or not all(map(_is_number, row)):
            raise InputError(f"{path}:{number}: row: does not fit this version; evaluate once more")
        items.append(line)
    return items


def _read_answers(path: Path) -> dict[str, dict[str, Any]]:
    answers = {}
    for number, line in read_numbered_lines(path):
        for field in ("id", "text"):
            if not isinstance(line.get(field), str):
                raise InputError(f"{path}:{number}: {field}: a string is needed")
        for field in ("stated", "forbidden"):
            places = line.get(field, [])
            if not isinstance(places, list) or not all(type(place) is int and place >= 0 for place in places):
                raise InputError(f"{path}:{number}: {field}: a list of indices is needed")
        answers[line["id"]] = line
    return answers


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def rows_by_id(result: Result, kind: str) -> dict[str, list[float]]:
    """Statistics of a kind's items."""
    return {line["id"]: line["row"] for line in result.items if line["kind"] == kind}


def _brief(score: Any) -> dict[str, Any]:
    return {key: value for key, value in score.to_json().items() if key in ("value", "low", "high", "items", "key")}


def _item_lines(
    items: Sequence[Item], answers: Sequence[Answer], rows: Sequence[Sequence[float]]
) -> Iterator[dict[str, Any]]:
    for item, answer, row in zip(items, answers, rows, strict=True):
        yield {
            "id": item.id,
            "kind": item.kind,
            "category": item.category,
            "difficulty": item.difficulty,
            "finish_reason": answer.finish_reason,
            "row": row,
        }


def _answer_lines(items: Sequence[Item], answers: Sequence[Answer]) -> Iterator[dict[str, Any]]:
    for item, answer in zip(items, answers, strict=True):
        if item.private:
            continue
        line: dict[str, Any] = {"id": item.id, "text": answer.text}
        if item.kind == "aneqa":
            found = find(item.data, answer.text)
            line |= {"stated": found.stated, "forbidden": found.forbidden, "degenerate": is_degenerate(answer.text)}
        elif item.kind == "anecq":
            choice = parse(answer.text, item.data["options"], single=item.data["type"] == "single")
            line |= {"letters": choice.letters, "status": choice.status}
        yield line


def _jsonl(lines: Sequence[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def kinds_of(result: Result) -> list[str]:
    """Kinds that a result has items of, in the usual order."""
    return [kind for kind in KINDS if kind in result.about["items"]]
