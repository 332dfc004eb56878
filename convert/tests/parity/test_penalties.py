"""Bitmask, logit bias and penalties change exactly the logits that they name, by the formula."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest

from parity.browser import Session
from parity.packages import Loaded

VOCABULARY = 517
EXACT = {"rtol": 2e-6, "atol": 1e-6}


@pytest.fixture(params=["software", "gpu"])
def session(loaded: Loaded, request: pytest.FixtureRequest) -> Session:
    return loaded("qwen3", "q4f32_1", request.param)[1]


@pytest.fixture
def logits() -> np.ndarray:
    return (4 * np.random.default_rng(0).standard_normal(VOCABULARY)).astype(np.float32)


def penalized(
    logits: np.ndarray, counts: Mapping[int, int], presence: float, frequency: float, repetition: float
) -> np.ndarray:
    """OpenAI's presence and frequency penalties, then the repetition penalty of CTRL (Keskar et al. 2019, 4.1)."""
    result = logits.astype(np.float64)
    for token, count in counts.items():
        value = result[token] - presence - count * frequency
        result[token] = value * repetition if value < 0 else value / repetition
    return result


@pytest.mark.parametrize("penalties", [(0.7, 0, 1), (0, -0.4, 1), (0, 0, 1.3), (0, 0, 0.8), (-1.5, 2, 1.1)])
def test_penalties(session: Session, logits: np.ndarray, penalties: tuple[float, float, float]) -> None:
    counts = {0: 1, 7: 3, 31: 2, 32: 1, VOCABULARY - 1: 5, **{token: 1 for token in range(100, 400)}}
    edited = session.edit(logits, counts=counts, penalties=penalties)
    np.testing.assert_allclose(edited, penalized(logits, counts, *penalties), **EXACT)
    untouched = np.setdiff1d(np.arange(VOCABULARY), list(counts))
    assert np.array_equal(edited[untouched], logits[untouched])


@pytest.mark.parametrize("count", [1, 2, 300])
def test_bias(session: Session, logits: np.ndarray, count: int) -> None:
    tokens = np.random.default_rng(count).choice(VOCABULARY, count, replace=False)
    bias = {int(token): float(value) for token, value in zip(tokens, np.linspace(-100, 100, count), strict=True)}
    expected = logits.astype(np.float64)
    expected[list(bias)] += list(bias.values())
    edited = session.edit(logits, bias=bias)
    np.testing.assert_allclose(edited, expected, **EXACT)
    untouched = np.setdiff1d(np.arange(VOCABULARY), tokens)
    assert np.array_equal(edited[untouched], logits[untouched])


@pytest.mark.parametrize("kept", [[0], [VOCABULARY - 1], [31, 32, 63, 511, 512], range(VOCABULARY), range(0, 517, 2)])
def test_bitmask(session: Session, logits: np.ndarray, kept: range | list[int]) -> None:
    bits = np.zeros(-(-VOCABULARY // 32) * 32, bool)
    bits[list(kept)] = True
    mask = np.packbits(bits, bitorder="little").view("<i4").tolist()
    edited = session.edit(logits, mask=mask)
    allowed = bits[:VOCABULARY]
    assert np.array_equal(edited[allowed], logits[allowed])
    # Far below any logit, and finite: a temperature must not make NaN of it.
    assert np.isfinite(edited).all() and (edited[~allowed] < -3e38).all()


def test_request_options_reach_the_logits(session: Session) -> None:
    bias = {3: 2.5, 200: -100.0, VOCABULARY - 1: 1.0}
    answer = session.complete(
        "丙泊酚",
        max_tokens=12,
        temperature=0,
        ignore_eos=True,
        presence_penalty=0.5,
        frequency_penalty=0.25,
        repetition_penalty=1.2,
        logit_bias=bias,
    )
    assert len(answer.tokens) == 12
    for row, (raw, edited) in enumerate(zip(answer.logits, answer.edited, strict=True)):
        biased = raw.astype(np.float64)
        biased[list(bias)] += list(bias.values())
        expected = penalized(biased, Counter(answer.tokens[:row]), 0.5, 0.25, 1.2)
        np.testing.assert_allclose(edited, expected, **EXACT)
        assert answer.tokens[row] == edited.argmax()
