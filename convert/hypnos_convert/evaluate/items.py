"""Benchmark items: read, checked, and told apart into public and private.

A benchmark is a folder with ``aneqa.jsonl`` (open questions), ``anecq.jsonl`` (choice) and ``anerc.jsonl`` (reading),
any of them, and, where it is published, ``benchmark.json`` with name, version and SHA-256 of each file. A hospital's
own folder needs the JSONL files alone; its items are *private*: outputs hold nothing of them but ids and numbers.

``schema/benchmark-item.schema.json`` defines a line; ``check_item`` adds the rules between fields. A line that breaks
one is left out and named, the others are used.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from ..errors import InputError
from ..inputs import one_line, parse_json, present, read_json_object, read_text

KINDS = ("aneqa", "anecq", "anerc")
"""Open questions, choice questions, reading comprehension."""
FORMAT = "hypnos-benchmark/1"
MANIFEST_NAME = "benchmark.json"


@dataclass(frozen=True)
class Item:
    """One question. ``data`` is the JSON object of its line."""

    kind: str
    data: Mapping[str, Any]
    private: bool
    source: str

    @property
    def id(self) -> str:
        return self.data["id"]

    @property
    def category(self) -> str:
        return self.data["category"]

    @property
    def difficulty(self) -> str:
        return self.data["difficulty"]

    @property
    def digest(self) -> str:
        """SHA-256 of the item's content: two items with one id and different wording are different items."""
        return hashlib.sha256(json.dumps(self.data, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Problem:
    """What is wrong with a line, and where. ``field`` is a path such as ``key_points/0/weight``."""

    path: Path
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.field}: {self.message}"


@dataclass(frozen=True)
class Benchmark:
    """Items of a folder, in the order of the files; ``problems`` names the lines left out."""

    name: str
    version: str
    private: bool
    reviewed: bool
    items: tuple[Item, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = field(default=())

    @property
    def digest(self) -> str:
        """SHA-256 over the items' content."""
        return hashlib.sha256("\n".join(item.digest for item in self.items).encode()).hexdigest()


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of an item (draft 2020-12)."""
    package = __package__.rpartition(".")[0]
    return json.loads(resources.files(package).joinpath("schema/benchmark-item.schema.json").read_text("utf-8"))


@cache
def _validator(definition: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{definition}", "$defs": schema()["$defs"]})


def read_benchmark(folder: Path) -> Benchmark:
    """Read a benchmark folder; without ``benchmark.json`` its items are private.

    Raises:
        InputError: there is no such folder, no item file in it, no usable item, or a published file was changed.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give one with {', '.join(f'{kind}.jsonl' for kind in KINDS)}")
    published = present(folder / MANIFEST_NAME)
    about = _read_manifest(folder) if published else None
    items: list[Item] = []
    problems: list[Problem] = []
    files = [(kind, folder / f"{kind}.jsonl") for kind in KINDS if present(folder / f"{kind}.jsonl")]
    if not files:
        raise InputError(f"{folder}: none of {', '.join(f'{kind}.jsonl' for kind in KINDS)} is in it")
    for kind, path in files:
        read, wrong = read_items(path, kind, private=not published)
        items += read
        problems += wrong
    items, repeated = _unique(items)
    problems += repeated
    if not items:
        raise InputError("\n".join([f"{folder}: no usable item", *(f"  {problem}" for problem in problems[:20])]))
    return Benchmark(
        name=about["name"] if about else folder.resolve().name,
        version=about["version"] if about else "0.0.0",
        private=not published,
        reviewed=about["reviewed"] if about else False,
        items=tuple(items),
        problems=tuple(problems),
        warnings=tuple(warning for item in items if item.private for warning in personal_data(item)),
    )


def read_items(path: Path, kind: str, *, private: bool) -> tuple[list[Item], list[Problem]]:
    """Items of one JSONL file, and a problem for each line that holds none.

    Raises:
        InputError: the file cannot be read.
    """
    content = read_text(path).removeprefix("\ufeff")
    items, problems = [], []
    # Not splitlines(): it would also split at U+2028 inside a string.
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            data = parse_json(line, "it")
        except InputError as error:
            problems.append(Problem(path, number, "line", f"no JSON: {one_line(error)}"))
            continue
        wrong = [Problem(path, number, place, message) for place, message in check_item(kind, data)]
        problems += wrong
        if not wrong:
            items.append(Item(kind, data, private, f"{path}:{number}"))
    return items, problems


def check_item(kind: str, data: Any) -> Iterator[tuple[str, str]]:
    """Field and message of everything that is wrong with one parsed line."""
    error = best_match(_validator(kind).iter_errors(data))
    if error is not None:
        message = error.message if len(error.message) <= 200 else error.message[:200] + " …"
        yield "/".join(map(str, error.absolute_path)) or "line", message
        return
    if kind == "anecq":
        yield from _check_choice(data)
    elif kind == "anerc":
        yield from _check_reading(data)


def _check_choice(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    letters = sorted(data["options"])
    if letters != list("ABCDEFGH"[: len(letters)]):
        yield "options", f"letters are {', '.join(letters)}; they must run from A on without a gap"
    if len(set(data["options"].values())) < len(letters):
        yield "options", "two options have the same text"
    answer = data["answer"]
    for letter in answer:
        if letter not in data["options"]:
            yield "answer", f"{letter} is not among the options"
    if list(answer) != sorted(answer):
        yield "answer", "letters must be in alphabetical order"
    if data["type"] == "single" and len(answer) != 1:
        yield "answer", f"a single-answer question has one letter, this has {len(answer)}"
    if data["type"] == "multiple" and not len(answer) >= 2:
        yield "answer", "a multiple-answer question has at least two letters"


def _check_reading(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for index, span in enumerate(data["answers"]):
        found = data["passage"][span["start"] : span["start"] + len(span["text"])]
        if found != span["text"]:
            yield f"answers/{index}/start", f"the passage has {found!r} at {span['start']}, not {span['text']!r}"


def _unique(items: Sequence[Item]) -> tuple[list[Item], list[Problem]]:
    seen: dict[str, Item] = {}
    problems = []
    for item in items:
        if item.id in seen:
            path, _, line = item.source.rpartition(":")
            problems.append(Problem(Path(path), int(line), "id", f"{item.id} is already at {seen[item.id].source}"))
        else:
            seen[item.id] = item
    return list(seen.values()), problems


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST_NAME
    about = read_json_object(path)
    error = best_match(_validator("benchmark").iter_errors(about))
    if error is not None:
        raise InputError(f"{path}: {'/'.join(map(str, error.absolute_path)) or 'the document'}: {error.message}")
    for entry in about["files"]:
        file = folder / entry["path"]
        if not file.is_file():
            raise InputError(f"{path}: {entry['path']} is missing")
        if hashlib.sha256(file.read_bytes()).hexdigest() != entry["sha256"]:
            raise InputError(
                f"{file} was changed after {path.name} was written: scores on it could not be compared. "
                "Restore it, or remove benchmark.json from a copy to use it as a folder of private items"
            )
    return about


def select(items: Sequence[Item], kinds: Sequence[str], limit: int | None = None) -> list[Item]:
    """Items of some kinds; with ``limit`` at most that many of each, spread over categories, always the same ones."""
    chosen: list[Item] = []
    for kind in kinds:
        of_kind = [item for item in items if item.kind == kind]
        chosen += of_kind if limit is None else _spread(of_kind, limit)
    return chosen


def _spread(items: Sequence[Item], limit: int) -> list[Item]:
    by_category: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_category[item.category].append(item)
    order = random.Random(0)
    queues = [by_category[name] for name in sorted(by_category)]
    for queue in queues:
        order.shuffle(queue)
    taken: list[Item] = []
    while len(taken) < limit and any(queues):
        taken += [queue.pop() for queue in queues if queue][: limit - len(taken)]
    places = {item.id: index for index, item in enumerate(items)}
    return sorted(taken, key=lambda item: places[item.id])


# --- personal data ----------------------------------------------------------------------------------------------------

_PERSONAL = {
    "identity card number": re.compile(
        r"(?<!\d)[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx]"
    ),
    "mobile number": re.compile(r"(?<!\d)1[3-9]\d(?:[ -]?\d{4}){2}(?!\d)"),
    "telephone number": re.compile(r"(?<!\d)0\d{2,3}-\d{7,8}(?!\d)"),
    "e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"),
    "record number": re.compile(
        r"(?:住院|病案|病历|门诊|就诊|床位|登记|检查|医保|社保)(?:卡)?号?\s*[:：为]?\s*[A-Za-z]?\d{5,}"
    ),
    "name": re.compile(
        r"姓\s*名\s*[:：]\s*[\u4e00-\u9fff]{2,4}|(?:患者|病人|家属)[:：]\s*[\u4e00-\u9fff]{2,3}(?=[，,。\s])"
    ),
    "date of birth": re.compile(r"(?:出生|生日|生于)[^。]{0,6}\d{4}\s*[年./-]\s*\d{1,2}"),
    "full date": re.compile(r"(?<!\d)(?:19|20)\d{2}\s*[年./-]\s*\d{1,2}\s*[月./-]\s*\d{1,2}"),
    "address": re.compile(
        r"[\u4e00-\u9fff]{2,}(?:省|市|自治区)[\u4e00-\u9fff]{1,}(?:区|县|镇|路|街|村)[\u4e00-\u9fff\d]*(?:号|室|组)"
    ),
}


def personal_data(item: Item) -> Iterator[Problem]:
    """A warning for each field that seems to hold personal data; the data itself is not repeated."""
    path, _, line = item.source.rpartition(":")
    for place, text in _texts(item.data, ""):
        for what, pattern in _PERSONAL.items():
            if pattern.search(text):
                yield Problem(Path(path), int(line), place, f"looks like personal data ({what}); remove it")


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _texts(inner, f"{place}/{key}".lstrip("/"))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{place}/{index}".lstrip("/"))
