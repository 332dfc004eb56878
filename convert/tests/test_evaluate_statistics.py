"""Intervals and tests against known values and against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from hypnos_convert.evaluate.metrics.base import Family
from hypnos_convert.evaluate.metrics.bleu import Bleu
from hypnos_convert.evaluate.statistics import (
    binomial_test,
    estimates,
    mcnemar,
    paired_bootstrap,
    resampled_sums,
    wilson,
)


def mean(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return sums / counts[:, None]


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution() -> None:
    rows = np.random.default_rng(1).normal(50, 10, (400, 1))
    (estimate,) = estimates(rows, mean)
    error = rows.std() / 20
    assert estimate.value == pytest.approx(rows.mean())
    assert estimate.low == pytest.approx(rows.mean() - 1.96 * error, abs=0.25)
    assert estimate.high == pytest.approx(rows.mean() + 1.96 * error, abs=0.25)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    draw = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        (estimate,) = estimates((draw.random((80, 1)) < 0.3).astype(float), mean, resamples=400)
        covered += estimate.low <= 0.3 <= estimate.high
    assert 180 <= covered <= 199


def test_resampling_is_the_same_every_time_and_sums_whole_rows() -> None:
    rows = np.arange(30, dtype=float).reshape(10, 3)
    sums = resampled_sums(rows, 50)
    assert (sums == resampled_sums(rows, 50)).all()
    assert np.allclose(sums[:, 1] - sums[:, 0], 10), "the columns of a row are drawn together"


def test_one_item_has_no_interval() -> None:
    (estimate,) = estimates(np.array([[3.0]]), mean)
    assert (estimate.value, estimate.low, estimate.high) == (3.0, None, None)


def test_a_corpus_measure_is_resampled_as_a_corpus() -> None:
    family: Family = Bleu()
    item = {"reference": "静脉注射丹曲林，停用挥发性麻醉药"}
    from hypnos_convert.evaluate.metrics import Answer

    texts = ["静脉注射丹曲林", "停用麻醉药", "不知道", item["reference"]] * 5
    rows = np.array([family.observe(item, Answer(text)) for text in texts])
    whole = estimates(rows, family.combine)
    draw = np.random.default_rng(9)
    brute = []
    for _ in range(400):
        drawn = rows[draw.integers(0, len(rows), len(rows))].sum(axis=0, keepdims=True)
        brute.append(family.combine(drawn, np.array([len(rows)]))[0, 3])
    low, high = np.percentile(brute, [2.5, 97.5])
    assert whole[3].low == pytest.approx(low, abs=4) and whole[3].high == pytest.approx(high, abs=4)


def test_paired_bootstrap_sees_a_small_constant_gain_that_means_alone_hide() -> None:
    a = np.random.default_rng(3).normal(50, 20, (100, 1))
    (gain,) = paired_bootstrap(a, a + 1, mean)
    assert gain.value == pytest.approx(1) and gain.low == pytest.approx(1) and gain.p < 0.01
    (none,) = paired_bootstrap(a, a, mean)
    assert none.value == 0 and none.p == 1


@pytest.mark.parametrize(
    ("a", "b", "p"), [(0, 5, 0.0625), (1, 9, 0.021484375), (5, 5, 1.0), (0, 0, 1.0), (0, 10, 2**-9)]
)
def test_mcnemar_is_the_exact_binomial_test(a: int, b: int, p: float) -> None:
    first = np.array([1] * a + [0] * b + [1, 0, 1])
    second = np.array([0] * a + [1] * b + [1, 0, 1])
    assert mcnemar(first, second) == pytest.approx(p)
    assert binomial_test(a, a + b) == pytest.approx(p)


def test_wilson_by_its_published_example() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, table I: 81 of 263 and 0 of 20.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
