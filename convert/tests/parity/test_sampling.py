"""The library draws tokens from exactly the softmax, cut off at top-p.

A token's frequency over evenly spaced numbers must be its probability to within one draw, whatever the order in which
the library lays the tokens out; numbers drawn by web-llm itself must pass a chi-square test.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parity.browser import Session
from parity.packages import Loaded

DRAWS = 2000
LARGEST_UNIFORM = np.nextafter(np.float32(1), np.float32(0))
CHI_SQUARE_QUANTILE = 4.0
"""Standard normal quantile: a right sampler exceeds it in 3 of 100,000 runs, and seeds are fixed."""


@pytest.fixture(params=["software", "gpu"])
def session(loaded: Loaded, request: pytest.FixtureRequest) -> Session:
    return loaded("qwen3", "q4f32_1", request.param)[1]


@pytest.fixture(scope="module")
def drawn(loaded: Loaded) -> dict[tuple[float, float], np.ndarray]:
    """Tokens that web-llm drew for ``random_logits(517, 2)``, by temperature and top-p.

    The library's part is the same for each target as in the tests with evenly spaced numbers; this adds web-llm's.
    """
    _, session = loaded("qwen3", "q4f32_1", "software")
    return {
        (temperature, top_p): session.draw(random_logits(517, 2), DRAWS, seed=1, temperature=temperature, top_p=top_p)
        for temperature, top_p in ((1.0, 1.0), (0.8, 0.9))
    }


@pytest.fixture(params=["software", "gpu"])
def large(loaded: Loaded, request: pytest.FixtureRequest) -> Session:
    """A vocabulary of real size."""
    return loaded("large-vocabulary", "q4f32_1", request.param)[1]


def random_logits(size: int, spread: float, seed: int = 0) -> np.ndarray:
    return (spread * np.random.default_rng(seed).standard_normal(size)).astype(np.float32)


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    return torch.softmax(torch.from_numpy(logits).double() / temperature, 0).numpy()


def truncated(probabilities: np.ndarray, top_p: float) -> np.ndarray:
    """Nucleus sampling (Holtzman et al. 2020): the fewest most probable tokens that reach ``top_p``, renormalised."""
    order = np.argsort(-probabilities, kind="stable")
    before = np.cumsum(probabilities[order]) - probabilities[order]
    kept = order[before < top_p]
    result = np.zeros_like(probabilities)
    result[kept] = probabilities[kept]
    return result / result.sum()


def stratified(count: int) -> np.ndarray:
    return (np.arange(count) + 0.5) / count


def assert_drawn_from(tokens: np.ndarray, probabilities: np.ndarray) -> None:
    """Pearson's chi-square, cells of expectation below 5 pooled, by the Wilson-Hilferty approximation."""
    counts = np.bincount(tokens, minlength=len(probabilities))
    assert not counts[probabilities == 0].any(), "a token outside the nucleus was drawn"
    expected = probabilities * len(tokens)
    rare = expected < 5
    found = np.append(counts[~rare], counts[rare].sum())
    wanted = np.append(expected[~rare], expected[rare].sum())
    found, wanted = found[wanted > 0], wanted[wanted > 0]
    freedom = len(found) - 1
    assert freedom > 5, "too few cells to test"
    statistic = ((found - wanted) ** 2 / wanted).sum()
    normal = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / np.sqrt(2 / (9 * freedom))
    assert abs(normal) < CHI_SQUARE_QUANTILE, f"chi-square {statistic:.1f} with {freedom} degrees of freedom"


@pytest.mark.parametrize("temperature", [0.3, 0.7, 1.0, 2.0])
def test_softmax(session: Session, temperature: float) -> None:
    logits = random_logits(517, 4)
    probabilities, _ = session.sample(logits, [0.5], temperature=temperature)
    np.testing.assert_allclose(probabilities, softmax(logits, temperature), rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.7, 0.9), (1.0, 0.5)])
def test_evenly_spaced_numbers_give_the_distribution(session: Session, temperature: float, top_p: float) -> None:
    logits = random_logits(517, 3)
    expected = truncated(softmax(logits, temperature), top_p)
    _, tokens = session.sample(logits, stratified(DRAWS), temperature=temperature, top_p=top_p)
    counts = np.bincount(tokens, minlength=517)
    assert np.abs(counts - expected * DRAWS).max() <= 1.01
    assert not counts[expected == 0].any()


def test_web_llm_draws_the_distribution(drawn: dict[tuple[float, float], np.ndarray]) -> None:
    logits = random_logits(517, 2)
    for (temperature, top_p), tokens in drawn.items():
        assert_drawn_from(tokens, truncated(softmax(logits, temperature), top_p))


def test_the_chi_square_test_can_fail(drawn: dict[tuple[float, float], np.ndarray]) -> None:
    logits, tokens = random_logits(517, 2), drawn[1.0, 1.0]
    with pytest.raises(AssertionError, match="chi-square"):
        assert_drawn_from(tokens, softmax(logits, 1.2))
    with pytest.raises(AssertionError, match="outside the nucleus"):
        assert_drawn_from(tokens, truncated(softmax(logits, 1.0), 0.9))


def test_temperature_zero_takes_the_most_probable(session: Session) -> None:
    for seed in range(5):
        logits = random_logits(517, 3, seed)
        assert set(session.draw(logits, 4, seed=seed, temperature=0.0, top_p=0.95)) == {logits.argmax()}


def check_edges(session: Session, size: int) -> None:
    uniforms = [0.0, 1e-7, 0.25, 0.5, 0.75, 1 - 1e-6, LARGEST_UNIFORM]
    logits = random_logits(size, 3)
    best = logits.argmax()
    # web-llm never asks for less than 1e-5: one token.
    assert set(session.sample(logits, uniforms, top_p=1e-5)[1]) == {best}
    # Every end of the number line gives a token that has a probability, in and out of a nucleus.
    for top_p in (1.0, 0.9, 0.3):
        kept = truncated(softmax(logits, 1.0), min(1.0, top_p + 1e-4)) > 0
        assert kept[session.sample(logits, uniforms, top_p=top_p)[1]].all()
    # Greedy with ties: any of the best, never another.
    tied = np.minimum(logits, 5.0)
    best_tokens = set(np.flatnonzero(tied == 5.0))
    assert len(best_tokens) > 1
    for top_p in (1.0, 1e-5):
        assert set(session.sample(tied, uniforms, temperature=1e-6, top_p=top_p)[1]) <= best_tokens
    # All alike: nothing to choose by.
    drawn = session.sample(np.zeros(size, np.float32), uniforms)[1]
    assert drawn.min() >= 0 and drawn.max() < size
    # All but one forbidden by a grammar, wherever it stands.
    for only in (0, 31, 32, size // 2, size - 1):
        forbidden = np.full(size, np.finfo(np.float32).min, np.float32)
        forbidden[only] = -3.0
        for temperature in (1.0, 1e-6):
            assert set(session.sample(forbidden, uniforms, temperature=temperature, top_p=0.95)[1]) == {only}


def test_edges(session: Session) -> None:
    check_edges(session, 517)


def test_a_large_vocabulary(large: Session) -> None:
    size = 152_000
    check_edges(large, size)
    logits = random_logits(size, 2.5)
    for top_p in (1.0, 0.95, 0.6):
        expected = truncated(softmax(logits, 0.8), top_p)
        probabilities, tokens = large.sample(logits, stratified(200), temperature=0.8, top_p=top_p)
        np.testing.assert_allclose(probabilities, softmax(logits, 0.8), rtol=1e-4, atol=1e-12)
        counts = np.bincount(tokens, minlength=size)
        # The nucleus ends where float32 sums say it does: a token at its edge may fall on either side.
        outside = np.flatnonzero((counts > 0) & (expected == 0))
        assert softmax(logits, 0.8)[outside].sum() < 1e-4
        assert np.abs(counts - expected * 200).max() <= 1.1
