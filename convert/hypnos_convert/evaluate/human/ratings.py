"""Ratings read back: JSON from the form, XLSX or CSV. What is wrong is named by file, line, field; the rest counts."""

from __future__ import annotations

import csv
import json
import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from ...errors import InputError
from ...inputs import read_json_object
from .forms import ASPECTS, FORMAT
from .sheets import CODE, COMMENT, PREFERENCE, PREFERENCES

_SIDES = {"first": 0, "second": 1}


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
    key = read_json_object(path)
    if key.get("format") != FORMAT:
        raise InputError(f"{path}: no key of `human export`")
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
        except (OSError, UnicodeDecodeError) as error:
            result.problems.append(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}")
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
            yield _Raw(
                f"{path}: ratings/{code}",
                code,
                rating.get("preference"),
                [side if isinstance(side, dict) else {} for side in rating.get("marks") or ()],
                rating.get("comment"),
            )
    elif path.suffix == ".csv":
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield from _table(path, csv.reader(file))
    elif path.suffix == ".xlsx":
        try:
            book = load_workbook(path, read_only=True, data_only=True)
        except (InvalidFileException, zipfile.BadZipFile, KeyError) as error:
            raise InputError(f"{path}: no readable XLSX: {error}") from error
        yield from _table(path, book.active.iter_rows(values_only=True))
        book.close()
    else:
        raise InputError(f"{path}: ratings are .json, .xlsx or .csv files")


def _table(path: Path, rows: Any) -> Iterator[_Raw]:
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
        problems.append(f"{raw.place}: {CODE}: {raw.code!r} is not in the key")
        return None
    sides = entry["sides"]
    side: str | None = None
    if raw.preference not in (None, ""):
        side = PREFERENCES.get(str(raw.preference).strip(), str(raw.preference).strip())
        if side not in ("first", "second", "tie") or len(sides) < 2:
            problems.append(f"{raw.place}: {PREFERENCE}: {raw.preference!r} is none of {', '.join(PREFERENCES)}")
            side = None
    marks: dict[str, dict[str, float]] = {}
    for target, given in zip(sides, raw.marks, strict=False):
        for aspect, name in ASPECTS.items():
            value = given.get(aspect)
            if value in (None, ""):
                continue
            number = _number(value)
            if number is None:
                problems.append(f"{raw.place}: {name}: {value!r} is no number from 0 to 10")
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
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and 0 <= number <= 10 else None


def load_summary(path: Path) -> dict[str, Any]:
    """What ``human import`` wrote.

    Raises:
        InputError: it is no such file.
    """
    try:
        content = read_json_object(path)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: no JSON: {error}") from error
    if content.get("format") != "hypnos-human/1":
        raise InputError(f"{path}: not written by `human import`")
    return content
