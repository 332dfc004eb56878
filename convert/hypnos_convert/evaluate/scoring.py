"""From answers to rows of numbers, and from rows to scores with intervals."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from .items import Item
from .metrics import FAMILIES, Answer, Family, Measure
from .statistics import Estimate, estimates

CHUNK = 250
"""Items that a process scores at a time."""


@dataclass(frozen=True)
class Score:
    """One reported number: percentages from 0 to 100, except where the measure says characters."""

    kind: str
    measure: Measure
    estimate: Estimate
    items: int

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "key": self.measure.key,
            "name": {"zh": self.measure.zh, "en": self.measure.en},
            "unit": self.measure.unit,
            "better": self.measure.better,
            "value": _rounded(self.estimate.value),
            "low": _rounded(self.estimate.low),
            "high": _rounded(self.estimate.high),
            "items": self.items,
            "signature": self.measure.signature,
        }


def rows_of(items: Sequence[Item], answers: Sequence[Answer]) -> list[list[float]]:
    """The statistics of each item, those of its kind's families one after another.

    Uses all cores where there is enough to do.
    """
    pairs = [(item.kind, item.data, answer) for item, answer in zip(items, answers, strict=True)]
    workers = min(os.cpu_count() or 1, 8, len(pairs) // CHUNK)
    if workers < 2:
        return _observe(pairs)
    chunks = [pairs[start : start + CHUNK] for start in range(0, len(pairs), CHUNK)]
    # Not forked: the parent may hold a model, and threads.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        return [row for rows in pool.map(_observe, chunks) for row in rows]


def _observe(pairs: Sequence[tuple[str, Any, Answer]]) -> list[list[float]]:
    return [
        [round(float(value), 6) for family in FAMILIES[kind] for value in family.observe(data, answer)]
        for kind, data, answer in pairs
    ]


def split(kind: str, rows: np.ndarray) -> list[tuple[Family, np.ndarray]]:
    """The columns (items, width) of each family of a kind."""
    edges = np.cumsum([family.width for family in FAMILIES[kind]])[:-1]
    return list(zip(FAMILIES[kind], np.split(rows, edges, axis=1), strict=True))


def scores(kind: str, rows: Sequence[Sequence[float]]) -> list[Score]:
    """All measures of a kind over some of its items; measures that nothing is known of are left out."""
    table = np.asarray(rows, dtype=np.float64)
    result = []
    for family, columns in split(kind, table):
        for measure, estimate in zip(family.measures, estimates(columns, family.combine), strict=True):
            if not np.isnan(estimate.value):
                result.append(Score(kind, measure, estimate, len(table)))
    return result


HEADLINE = {"aneqa": "key_point_recall", "anecq": "accuracy", "anerc": "character_f1"}
"""The measure that stands for a kind in overviews."""


def headline(kind: str, rows: Sequence[Sequence[float]]) -> Score:
    """The headline score of some items of a kind."""
    table = np.asarray(rows, dtype=np.float64)
    for family, columns in split(kind, table):
        for index, measure in enumerate(family.measures):
            if measure.key == HEADLINE[kind]:
                return Score(kind, measure, estimates(columns, family.combine)[index], len(table))
    raise AssertionError(f"no headline measure of {kind}")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 4)
