"""Holds the benchmark out from training, by check and not by promise.

Two checks of every item against every text of a training folder, after NFKC, lower case, and without white space and
punctuation. *Run*: 13 characters in a row that a question, reference or passage shares with any training text (13 as in
GPT-3's check of 13-grams, Brown et al. 2020, appendix C; here of characters). *Near duplicate*: a question and a
training question whose character 3-grams have a Jaccard similarity of at least 0.6 (candidates by MinHash, Broder
1997).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasketch import MinHashLSH

from ..errors import InputError
from ..filter.similarity import PERMUTATIONS, jaccard, sketch
from .items import Item
from .text import letters_and_digits

RUN = 13
SIMILARITY = 0.6
SHINGLE = 3


@dataclass(frozen=True)
class Overlap:
    """An item that training has seen. ``kind`` is ``run`` or ``near-duplicate``; ``where`` is file and line."""

    item: str
    kind: str
    where: str
    evidence: str

    def __str__(self) -> str:
        return f"{self.item}: {self.kind} with {self.where}: {self.evidence}"


def check(items: Sequence[Item], training: Path) -> list[Overlap]:
    """Every overlap between items and the ``*.jsonl`` and ``*.txt`` files below ``training``.

    Raises:
        InputError: the folder holds no such file, or a file cannot be read.
    """
    # One answer stands under many wordings of its question: each text is looked at once, at its first place.
    first: dict[tuple[str, bool], str] = {}
    for place, text, question in training_texts(training):
        first.setdefault((text, question), place)
    texts = [(place, text, question) for (text, question), place in first.items()]
    return [*_runs(items, texts), *_near_duplicates(items, texts)]


def training_texts(folder: Path) -> Iterator[tuple[str, str, bool]]:
    """Place, text, and whether the text is a question, of every training record below ``folder``."""
    files = sorted([*folder.rglob("*.jsonl"), *folder.rglob("*.txt")])
    if not files:
        raise InputError(f"{folder}: no .jsonl or .txt file below it to check against")
    for path in files:
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read: {error}") from error
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            place = f"{path.relative_to(folder)}:{number}"
            if path.suffix == ".txt":
                for part in line.split("|"):
                    yield place, part, True
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(f"{path}:{number}: no JSON: {error.msg}") from error
            yield from ((place, text, question) for text, question in _strings(record))


_NOT_TEXT = {"id", "category", "form", "provenance", "role", "source", "kind", "writer", "rater"}
_QUESTIONS = {"instruction", "question", "prompt", "title"}


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, bool]]:
    if isinstance(value, str):
        if key not in _NOT_TEXT:
            yield value, key in _QUESTIONS
    elif isinstance(value, Mapping):
        user = value.get("role") == "user"
        for name, inner in value.items():
            yield from _strings(inner, "question" if user and name == "content" else name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)


def _held_out(item: Item) -> list[str]:
    """The parts of an item that training must not hold."""
    data = item.data
    parts = [data["question"]]
    if item.kind == "aneqa":
        parts.append(data["reference"])
    elif item.kind == "anerc":
        parts.append(data["passage"])
    return parts


def _runs(items: Sequence[Item], texts: Sequence[tuple[str, str, bool]]) -> Iterator[Overlap]:
    parts = [(item, letters_and_digits(part)) for item in items for part in _held_out(item)]
    wanted: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, (_, part) in enumerate(parts):
        for start in range(len(part) - RUN + 1):
            wanted[part[start : start + RUN]].append((number, start))
    for place, text, _ in texts:
        plain = letters_and_digits(text)
        shared: dict[int, set[int]] = defaultdict(set)
        for start in range(len(plain) - RUN + 1):
            for number, at in wanted.get(plain[start : start + RUN], ()):
                shared[number].update(range(at, at + RUN))
        for number, places in shared.items():
            item, part = parts[number]
            shown = "(private)" if item.private else "".join(part[at] for at in sorted(places))
            yield Overlap(item.id, "run", place, f"{len(places)} of {len(part)} characters: {shown}")


def _near_duplicates(items: Sequence[Item], texts: Sequence[tuple[str, str, bool]]) -> Iterator[Overlap]:
    # MinHash proposes, at a threshold low enough to miss next to nothing; the sets themselves decide.
    index = MinHashLSH(threshold=SIMILARITY - 0.2, num_perm=PERMUTATIONS)
    shingles = [_shingles(item.data["question"]) for item in items]
    for number, grams in enumerate(shingles):
        if grams:
            index.insert(number, sketch(grams))
    for place, text, question in texts:
        grams = _shingles(text) if question else frozenset()
        for number in sorted(index.query(sketch(grams))) if grams else ():
            similarity = jaccard(grams, shingles[number])
            if similarity >= SIMILARITY:
                item = items[number]
                shown = "(private)" if item.private else item.data["question"]
                yield Overlap(item.id, "near-duplicate", place, f"similarity {similarity:.2f}: {shown}")


def _shingles(text: str) -> frozenset[str]:
    plain = letters_and_digits(text)
    return frozenset(plain[i : i + SHINGLE] for i in range(len(plain) - SHINGLE + 1))
