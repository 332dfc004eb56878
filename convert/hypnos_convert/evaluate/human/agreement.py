"""What ratings say, and how far they can be believed.

Win rates with Wilson intervals over the items' majorities; Krippendorff's alpha (Krippendorff 2004; package
``krippendorff``), nominal for preferences and interval for marks; each rater's leniency against the others on the same
answers, and how often a rater preferred the answer in first place.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import krippendorff
import numpy as np

from ..statistics import binomial_test, wilson
from .forms import ASPECTS, SUMMARY_FORMAT
from .ratings import Rating, Ratings

SPREAD = 4
"""Marks that differ by so much or more are listed for discussion."""


def summarise(read: Ratings) -> dict[str, Any]:
    """All of it, as written by ``human import``."""
    ratings, targets = read.ratings, read.targets
    majority = majorities(ratings, targets)
    return {
        "format": SUMMARY_FORMAT,
        "targets": targets,
        "raters": sorted({rating.rater for rating in ratings}),
        "ratings": len(ratings),
        "items": len({rating.item for rating in ratings}),
        "wins": wins(majority) if len(targets) == 2 else None,
        "marks": {target: mean_marks(ratings, target) for target in targets},
        "alpha": alphas(ratings, targets),
        "bias": [rater_bias(ratings, rater) for rater in sorted({rating.rater for rating in ratings})],
        "disagreements": disagreements(ratings),
        "majority": majority,
        "problems": read.problems,
    }


def majorities(ratings: Sequence[Rating], targets: Sequence[str]) -> dict[str, str]:
    """For each item ``a``, ``b``, or ``tie`` where neither target has more votes than the other."""
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for rating in ratings:
        if rating.preferred is not None:
            votes[rating.item][rating.preferred] += 1
    result = {}
    for item, count in sorted(votes.items()):
        a, b = count[targets[0]], count[targets[-1]]
        result[item] = "a" if a > b else "b" if b > a else "tie"
    return result


def wins(majority: Mapping[str, str]) -> dict[str, Any]:
    """Counts, the first target's rate (a tie is half a win) with its interval, and the exact test without ties."""
    counts = Counter(majority.values())
    total = len(majority)
    score = counts["a"] + counts["tie"] / 2
    low, high = wilson(score, total)
    return {
        **{name: counts[name] for name in ("a", "b", "tie")},
        "rate_a": score / total if total else None,
        "low": low,
        "high": high,
        "p": binomial_test(counts["a"], counts["a"] + counts["b"]),
    }


def mean_marks(ratings: Sequence[Rating], target: str) -> dict[str, dict[str, float]]:
    """Mean and standard error of each aspect; every rating counts once."""
    result = {}
    for aspect in ASPECTS:
        values = [rating.marks[target][aspect] for rating in ratings if aspect in rating.marks.get(target, {})]
        if values:
            error = float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
            result[aspect] = {"mean": float(np.mean(values)), "standard_error": error, "ratings": len(values)}
    return result


def alphas(ratings: Sequence[Rating], targets: Sequence[str]) -> dict[str, float | None]:
    """Krippendorff's alpha of preferences and of each aspect; None where it is not defined."""
    codes = {target: index for index, target in enumerate([*targets, "tie"])}
    units: dict[str, dict[tuple[str, str], dict[str, float]]] = {name: defaultdict(dict) for name in ASPECTS}
    preferences: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for rating in ratings:
        if rating.preferred is not None:
            preferences[rating.item, ""][rating.rater] = codes[rating.preferred]
        for target, marks in rating.marks.items():
            for aspect, value in marks.items():
                units[aspect][rating.item, target][rating.rater] = value
    result: dict[str, float | None] = {}
    if len(targets) == 2:
        result["preference"] = alpha(preferences, "nominal")
    return {**result, **{aspect: alpha(units[aspect], "interval") for aspect in ASPECTS}}


def alpha(units: Mapping[Any, Mapping[str, float]], level: str) -> float | None:
    """Alpha of values by unit and rater; None where no unit has two raters or all values are the same."""
    raters = sorted({rater for values in units.values() for rater in values})
    table = np.array([[values.get(rater, np.nan) for values in units.values()] for rater in raters], dtype=float)
    if table.size == 0 or not (np.sum(~np.isnan(table), axis=0) >= 2).any():
        return None
    paired = table[:, np.sum(~np.isnan(table), axis=0) >= 2]
    if len(np.unique(paired[~np.isnan(paired)])) < 2:
        return None
    return float(krippendorff.alpha(reliability_data=table, level_of_measurement=level))


def rater_bias(ratings: Sequence[Rating], rater: str) -> dict[str, Any]:
    """How a rater differs from the others on the same answers (points), and the share of first places preferred."""
    others: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for rating in ratings:
        if rating.rater != rater:
            for target, marks in rating.marks.items():
                for aspect, value in marks.items():
                    others[rating.item, target, aspect].append(value)
    own = [rating for rating in ratings if rating.rater == rater]
    differences = [
        value - float(np.mean(others[rating.item, target, aspect]))
        for rating in own
        for target, marks in rating.marks.items()
        for aspect, value in marks.items()
        if others[rating.item, target, aspect]
    ]
    first = sum(rating.side == "first" for rating in own)
    decided = first + sum(rating.side == "second" for rating in own)
    p = binomial_test(first, decided)
    return {
        "rater": rater,
        "ratings": len(own),
        "leniency": float(np.mean(differences)) if differences else None,
        "first_rate": first / decided if decided else None,
        "first_p": p,
        "position_biased": p < 0.05,
    }


def disagreements(ratings: Sequence[Rating]) -> list[dict[str, Any]]:
    """Items to discuss: opposite preferences, or marks that lie ``SPREAD`` or more apart."""
    by_item: dict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        by_item[rating.item].append(rating)
    result = []
    for item, group in sorted(by_item.items()):
        preferred = {rating.rater: rating.preferred for rating in group if rating.preferred is not None}
        opposite = len({value for value in preferred.values() if value != "tie"}) > 1
        marks: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        for rating in group:
            for target, given in rating.marks.items():
                for aspect, value in given.items():
                    marks[target, aspect][rating.rater] = value
        apart = [
            {"target": target, "aspect": aspect, "marks": values}
            for (target, aspect), values in sorted(marks.items())
            if max(values.values()) - min(values.values()) >= SPREAD
        ]
        if opposite or apart:
            result.append({"item": item, "preferred": preferred if opposite else {}, "marks": apart})
    return result
