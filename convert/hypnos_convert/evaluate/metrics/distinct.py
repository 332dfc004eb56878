"""Distinct-1/2 (Li et al. 2016, https://aclanthology.org/N16-1014): unique n-grams by all n-grams of an answer.

Averaged over answers. The value over a whole corpus falls with its size, so it cannot be compared between benchmarks
and has no valid bootstrap interval; it is not reported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..text import answer_text, characters
from .base import Answer, Family, Measure


class Distinct(Family):
    """Row: 100 times Distinct-1 and Distinct-2; an answer without any n-gram has 0."""

    name = "distinct"
    width = 2
    measures = tuple(
        Measure(f"distinct_{n}", f"Distinct-{n}", f"Distinct-{n}", f"mean of sentences|tok:char|order:{n}|hypnos:1")
        for n in (1, 2)
    )

    def observe(self, item: Mapping[str, Any], answer: Answer) -> list[float]:
        tokens = characters(answer_text(answer.text))
        return [distinct(tokens, 1), distinct(tokens, 2)]


def distinct(tokens: list[str], order: int) -> float:
    """Percentage of n-grams that are unique."""
    grams = list(zip(*(tokens[start:] for start in range(order)), strict=False))
    return 100 * len(set(grams)) / len(grams) if grams else 0.0
