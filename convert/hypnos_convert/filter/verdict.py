"""From ratings to a verdict."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..config import ASPECTS, FilterConfig
from .rating import Rating

_AGGREGATES = {"mean": statistics.fmean, "median": statistics.median, "least": min}


@dataclass(frozen=True)
class Verdict:
    """``scores``: aggregated by aspect, and their ``mean``; empty if nobody rated. ``reasons`` is empty for kept."""

    outcome: Literal["kept", "dropped", "undecided"]
    reasons: tuple[str, ...]
    scores: dict[str, float]


def decide(ratings: Sequence[Rating], settings: FilterConfig) -> Verdict:
    """Too few ratings or raters far apart: undecided. Below a threshold: dropped. Otherwise kept."""
    valid = [rating.scores for rating in ratings if rating.scores is not None]
    if len(valid) < settings.least_ratings:
        problems = "; ".join(f"{rating.rater}: {rating.problem}" for rating in ratings if rating.scores is None)
        return Verdict("undecided", (f"{len(valid)} valid ratings ({problems})",), {})
    aggregate = _AGGREGATES[settings.aggregate]
    scores = {aspect: float(aggregate([getattr(one, aspect) for one in valid])) for aspect in ASPECTS}
    scores["mean"] = statistics.fmean(scores[aspect] for aspect in ASPECTS)
    spread = max(one.mean for one in valid) - min(one.mean for one in valid)
    if spread > settings.most_spread:
        return Verdict("undecided", (f"raters disagree by {spread:.1f}",), scores)
    thresholds = settings.thresholds.model_dump()
    low = tuple(
        f"{name} {score:.1f} < {thresholds[name]:g}" for name, score in scores.items() if score < thresholds[name]
    )
    return Verdict("dropped" if low else "kept", low, scores)
