"""Do two results differ? Paired over the items that both have: McNemar for choice accuracy, paired bootstrap else."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .metrics import FAMILIES
from .metrics.base import Measure
from .result import Result, kinds_of, rows_by_id
from .scoring import HEADLINE, split
from .statistics import Difference, mcnemar, paired_bootstrap

EXACT = {("anecq", "accuracy"): 0, ("anerc", "exact_match"): 0}
"""Measures that are right or wrong for each item, and their column in the row."""


@dataclass(frozen=True)
class Comparison:
    """B against A in one measure over the items that both have."""

    kind: str
    measure: Measure
    a: float
    b: float
    difference: Difference
    items: int

    @property
    def significant(self) -> bool:
        return self.difference.p < 0.05

    @property
    def regression(self) -> bool:
        """B is worse, and not by chance."""
        worse = self.difference.value * (-1 if self.measure.better == "lower" else 1) < 0
        return self.significant and worse and self.measure.better != "none"

    def to_json(self) -> dict[str, Any]:
        difference = self.difference
        return {
            "kind": self.kind,
            "key": self.measure.key,
            "a": round(self.a, 4),
            "b": round(self.b, 4),
            "difference": round(difference.value, 4),
            "low": round(difference.low, 4),
            "high": round(difference.high, 4),
            "p": round(difference.p, 6),
            "test": difference.test,
            "items": self.items,
            "regression": self.regression,
        }


def compare(a: Result, b: Result) -> list[Comparison]:
    """Every measure that both results have.

    Raises:
        InputError: different benchmarks or prompts, or no item in common.
    """
    for what, of in (("prompts", "parameters"), ("decoding", "parameters")):
        if a.about[of][what] != b.about[of][what]:
            raise InputError(f"{a.folder} and {b.folder} differ in {what}: {a.about[of][what]}, {b.about[of][what]}")
    first, second = a.about["benchmark"], b.about["benchmark"]
    if (first["name"], first["version"]) != (second["name"], second["version"]):
        raise InputError(
            f"{a.folder} has scores on {first['name']} {first['version']}, {b.folder} on {second['name']} "
            f"{second['version']}: they cannot be compared"
        )
    found: list[Comparison] = []
    for kind in kinds_of(a):
        rows_a, rows_b = rows_by_id(a, kind), rows_by_id(b, kind)
        common = [id for id in rows_a if id in rows_b]
        if common:
            found += _compare_kind(kind, _table(rows_a, common), _table(rows_b, common))
    if not found:
        raise InputError(f"{a.folder} and {b.folder} have no item in common")
    return found


def _table(rows: dict[str, list[float]], ids: list[str]) -> np.ndarray:
    return np.array([rows[id] for id in ids], dtype=np.float64)


def _compare_kind(kind: str, a: np.ndarray, b: np.ndarray) -> list[Comparison]:
    count = np.array([len(a)])
    result = []
    for (family, columns_a), (_, columns_b) in zip(split(kind, a), split(kind, b), strict=True):
        values_a = family.combine(columns_a.sum(axis=0, keepdims=True), count)[0]
        values_b = family.combine(columns_b.sum(axis=0, keepdims=True), count)[0]
        differences = paired_bootstrap(columns_a, columns_b, family.combine)
        for index, measure in enumerate(family.measures):
            difference = differences[index]
            if math.isnan(values_a[index]) or math.isnan(values_b[index]):
                continue
            column = EXACT.get((kind, measure.key))
            if column is not None:
                p = mcnemar(columns_a[:, column] > 0, columns_b[:, column] > 0)
                difference = Difference(difference.value, difference.low, difference.high, p, "exact McNemar")
            result.append(Comparison(kind, measure, float(values_a[index]), float(values_b[index]), difference, len(a)))
    return result


def item_changes(a: Result, b: Result) -> list[dict[str, Any]]:
    """Items whose headline statistic changed from A to B, the greatest loss first."""
    changes = []
    for kind in kinds_of(a):
        family, index = _headline_family(kind)
        rows_a, rows_b = rows_by_id(a, kind), rows_by_id(b, kind)
        start = sum(other.width for other in FAMILIES[kind][: FAMILIES[kind].index(family)])
        for id in rows_a.keys() & rows_b.keys():
            values = []
            for rows in (rows_a, rows_b):
                row = np.array([rows[id][start : start + family.width]])
                values.append(float(family.combine(row, np.array([1]))[0, index]))
            if values[0] != values[1]:
                changes.append({"id": id, "kind": kind, "a": values[0], "b": values[1]})
    return sorted(changes, key=lambda change: (change["b"] - change["a"], change["id"]))


def _headline_family(kind: str) -> tuple[Any, int]:
    for family in FAMILIES[kind]:
        for index, measure in enumerate(family.measures):
            if measure.key == HEADLINE[kind]:
                return family, index
    raise AssertionError(f"no headline measure of {kind}")
