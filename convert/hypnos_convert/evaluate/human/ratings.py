"""Ratings read back: JSON from the form, XLSX or CSV. What is wrong is named by file, line, field; the rest counts."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from openpyxl import load_workbook

from ...errors import InputError
from ...inputs import check_readable, one_line, read_json_object, shown
from ..documents import HUMAN, KEY, read_document
from .forms import ASPECTS, FORMAT, SUMMARY_FORMAT
from .sheets import CODE, COMMENT, PREFERENCE, PREFERENCES

_SIDES = {"first": 0, "second": 1}
MOST_ROWS, MOST_COLUMNS = 100_000, 100
"""Of a spreadsheet; what lies beyond is no rating."""


@dataclass(frozen=True)
class Rating:
    """One rater on one item, unblinded: ``preferred`` is a target, ``tie``, or None where none was given."""

    rater: str
    item: str
    preferred: str | None
    side: str | None
    """``first``, ``second`` or ``tie``: where the preferred answer stood."""
    marks: Mapping[str, Mapping[str, float]]
    """By target, then by aspect."""
    comment: str = ""


@dataclass
class Ratings:
    """What was read; ``problems`` are lines for the organiser."""

    targets: list[str]
    ratings: list[Rating] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Raw:
    place: str
    code: Any
    preference: Any
    marks: Sequence[Mapping[str, Any]]
    comment: Any


def read_key(path: Path) -> dict[str, Any]:
    """The key that ``human export`` wrote.

    Raises:
        InputError: it is no such key.
    """
    key = read_document(path, FORMAT, KEY, "no key of `human export`")
    for code, entry in key["entries"].items():
        for target in entry["sides"]:
            if target not in key["targets"]:
                raise InputError(f"{path}: entries/{code}/sides: {shown(target)} is none of the targets")
    return key


def read_ratings(paths: Sequence[Path], key: Mapping[str, Any]) -> Ratings:
    """Ratings of all files; of two for the same rater and item the later one counts."""
    result = Ratings(list(key["targets"]))
    found: dict[tuple[str, str], Rating] = {}
    for path in paths:
        try:
            for raw in _read(path, key):
                rating = _check(raw, key, result.problems)
                if rating is not None:
                    found[rating.rater, rating.item] = rating
        except InputError as error:
            result.problems.append(str(error))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            result.problems.append(f"{path}: cannot be read: {getattr(error, 'strerror', None) or one_line(error)}")
    result.ratings = [found[place] for place in sorted(found)]
    return result


def _read(path: Path, key: Mapping[str, Any]) -> Iterator[_Raw]:
    if path.suffix == ".json":
        content = read_json_object(path)
        if content.get("study") != key["study"]:
            raise InputError(f"{path}: study: belongs to {content.get('study')!r}, the key to {key['study']!r}")
        ratings = content.get("ratings")
        if not isinstance(ratings, dict):
            raise InputError(f"{path}: ratings: an object is needed")
        for code, rating in ratings.items():
            if not isinstance(rating, dict):
                yield _Raw(f"{path}: ratings/{code}", None, None, (), None)
                continue
            marks = rating.get("marks")
            yield _Raw(
                f"{path}: ratings/{code}",
                code,
                rating.get("preference"),
                [side if isinstance(side, dict) else {} for side in marks] if isinstance(marks, list) else (),
                rating.get("comment"),
            )
    elif path.suffix == ".csv":
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield from _table(path, csv.reader(file))
    elif path.suffix == ".xlsx":
        yield from _table(path, _sheet(path))
    else:
        raise InputError(f"{path}: ratings are .json, .xlsx or .csv files")


def _sheet(path: Path) -> list[tuple[Any, ...]]:
    """All rows of the sheet in front."""
    check_readable(path)
    try:
        # Of a damaged file the library would keep hold.
        with open(path, "rb") as file, closing(load_workbook(file, read_only=True, data_only=True)) as book:
            # Not by the size that the sheet claims: a wrong one would hide rows, or invent a million.
            book.active.reset_dimensions()
            return list(islice(book.active.iter_rows(values_only=True, max_col=MOST_COLUMNS), MOST_ROWS))
    except Exception as error:
        # A damaged file makes the library fail in dozens of ways: of zip, of XML, of its own.
        raise InputError(f"{path}: no readable XLSX: {one_line(error)}") from error


def _table(path: Path, rows: Iterable[Sequence[Any]]) -> Iterator[_Raw]:
    headings: list[str] = []
    for number, row in enumerate(rows, 1):
        if not headings:
            headings = [str(cell or "").strip() for cell in row]
            if CODE not in headings:
                raise InputError(f"{path}:1: {CODE}: this column is missing; keep the first row as it was exported")
            continue
        cells = dict(zip(headings, row, strict=False))
        if all(value in (None, "") for value in cells.values()):
            continue
        sides = [name for name in ("回答一", "回答二") if any(heading.startswith(f"{name}·") for heading in headings)]
        yield _Raw(
            f"{path}:{number}",
            cells.get(CODE),
            cells.get(PREFERENCE),
            [{aspect: cells.get(f"{side}·{name}") for aspect, name in ASPECTS.items()} for side in sides],
            cells.get(COMMENT),
        )


def _check(raw: _Raw, key: Mapping[str, Any], problems: list[str]) -> Rating | None:
    entry = key["entries"].get(str(raw.code).strip()) if raw.code is not None else None
    if entry is None:
        problems.append(f"{raw.place}: {CODE}: {shown(raw.code)} is not in the key")
        return None
    sides = entry["sides"]
    side: str | None = None
    if raw.preference not in (None, ""):
        side = PREFERENCES.get(str(raw.preference).strip(), str(raw.preference).strip())
        if side not in ("first", "second", "tie") or len(sides) < 2:
            problems.append(f"{raw.place}: {PREFERENCE}: {shown(raw.preference)} is none of {', '.join(PREFERENCES)}")
            side = None
    marks: dict[str, dict[str, float]] = {}
    for target, given in zip(sides, raw.marks, strict=False):
        for aspect, name in ASPECTS.items():
            value = given.get(aspect)
            if value in (None, ""):
                continue
            number = _number(value)
            if number is None:
                problems.append(f"{raw.place}: {name}: {shown(value)} is no number from 0 to 10")
            else:
                marks.setdefault(target, {})[aspect] = number
    if side is None and not marks:
        return None
    preferred = None if side is None else "tie" if side == "tie" else sides[_SIDES[side]]
    return Rating(entry["rater"], entry["item"], preferred, side, marks, str(raw.comment or ""))


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and 0 <= number <= 10 else None


def load_summary(path: Path, schema: Mapping[str, Any] = HUMAN) -> dict[str, Any]:
    """What ``human import`` wrote.

    Args:
        schema: of the parts that are needed.

    Raises:
        InputError: it is no such file, or a field of it is wrong.
    """
    content = read_document(path, SUMMARY_FORMAT, schema, "not written by `human import`")
    if content.get("wins") is not None and schema is HUMAN and len(content["targets"]) != 2:
        raise InputError(f"{path}: wins: there are wins, but one target")
    return content
