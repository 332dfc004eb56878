"""Intervals and tests, over rows of statistics that add up."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

RESAMPLES = 1000
SEED = 20240304
"""Fixed, so that the same answers give the same intervals."""

Combine = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Estimate:
    """A value and its 95% interval; ``low`` and ``high`` are None where there are fewer than two items."""

    value: float
    low: float | None
    high: float | None


def resampled_sums(rows: np.ndarray, resamples: int = RESAMPLES, seed: int = SEED) -> np.ndarray:
    """Sums (resamples, width) of ``rows`` (items, width), items drawn with replacement.

    The same size and seed draw the same items, which is what makes two targets' resamples a pair.
    """
    count = len(rows)
    generator = np.random.default_rng(seed)
    sums = np.empty((resamples, rows.shape[1]))
    block = max(1, min(resamples, 2_000_000 // count))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        weights = np.stack(
            [np.bincount(generator.integers(0, count, count), minlength=count) for _ in range(size)]
        ).astype(np.float64)
        sums[start : start + size] = weights @ rows
    return sums


def estimates(rows: np.ndarray, combine: Combine, resamples: int = RESAMPLES) -> list[Estimate]:
    """Value and percentile bootstrap interval (Efron 1979) of each measure."""
    count = len(rows)
    values = combine(rows.sum(axis=0, keepdims=True), np.array([count]))[0]
    if count < 2:
        return [Estimate(float(value), None, None) for value in values]
    drawn = combine(resampled_sums(rows, resamples), np.full(resamples, count))
    result = []
    for value, sample in zip(values, drawn.T, strict=True):
        sample = sample[~np.isnan(sample)]
        low, high = np.percentile(sample, [2.5, 97.5]) if len(sample) else (math.nan, math.nan)
        result.append(Estimate(float(value), _finite(low), _finite(high)))
    return result


@dataclass(frozen=True)
class Difference:
    """B minus A with its 95% interval and the two-sided p-value of no difference."""

    value: float
    low: float
    high: float
    p: float
    test: str


def paired_bootstrap(a: np.ndarray, b: np.ndarray, combine: Combine, resamples: int = RESAMPLES) -> list[Difference]:
    """Paired bootstrap (Koehn 2004, https://aclanthology.org/W04-3250): both targets on the same resamples of items."""
    count = len(a)
    sizes = np.full(resamples, count)
    drawn = combine(resampled_sums(b, resamples), sizes) - combine(resampled_sums(a, resamples), sizes)
    whole = np.array([count])
    values = (combine(b.sum(axis=0, keepdims=True), whole) - combine(a.sum(axis=0, keepdims=True), whole))[0]
    result = []
    for value, sample in zip(values, drawn.T, strict=True):
        sample = sample[~np.isnan(sample)]
        if not len(sample):
            result.append(Difference(math.nan, math.nan, math.nan, 1.0, "none"))
            continue
        low, high = np.percentile(sample, [2.5, 97.5])
        # Counting the observed difference itself keeps p above 0 (Davison and Hinkley 1997, 4.2).
        tail = min((sample <= 0).sum(), (sample >= 0).sum())
        p = min(1.0, 2 * (tail + 1) / (len(sample) + 1))
        result.append(Difference(float(value), float(low), float(high), float(p), "paired bootstrap"))
    return result


def mcnemar(a: np.ndarray, b: np.ndarray) -> float:
    """Exact two-sided McNemar test (McNemar 1947) of two vectors (items,) of right and wrong: the p-value."""
    a, b = a.astype(bool), b.astype(bool)
    only_a, only_b = int((a & ~b).sum()), int((~a & b).sum())
    return binomial_test(only_a, only_a + only_b)


def binomial_test(successes: int, trials: int) -> float:
    """Two-sided exact test of a fair coin: the p-value; 1 without a trial."""
    less = min(successes, trials - successes)
    logs = [_log_choose(trials, k) - trials * math.log(2) for k in range(less + 1)]
    return min(1.0, 2 * math.fsum(math.exp(value) for value in logs))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def wilson(successes: float, trials: int) -> tuple[float, float]:
    """95% score interval of a proportion (Wilson 1927); (0, 1) without a trial."""
    if trials == 0:
        return 0.0, 1.0
    z, share = 1.959963984540054, successes / trials
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / scale
    return max(0.0, centre - half), min(1.0, centre + half)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
