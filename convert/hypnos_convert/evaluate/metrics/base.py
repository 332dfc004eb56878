"""What a family of metrics is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import numpy as np


@dataclass(frozen=True)
class Answer:
    """A target's answer to one item.

    Args:
        text: as generated.
        finish_reason: ``stop``, or ``length`` where the limit of tokens cut it off.
        letters: natural logarithm of the probability of each option letter as the next token, where the target tells.
    """

    text: str
    finish_reason: str | None = None
    letters: Mapping[str, float] | None = None


LETTERS = "ABCDEFGH"
"""Of the options of a choice question."""


def are_letters(value: Any) -> bool:
    """Whether a value of someone else's is an ``Answer.letters``."""
    return isinstance(value, Mapping) and all(
        isinstance(letter, str)
        and len(letter) == 1
        and letter in LETTERS
        and isinstance(number, (int, float))
        and not isinstance(number, bool)
        and -math.inf < number < math.inf
        for letter, number in value.items()
    )


@dataclass(frozen=True)
class Measure:
    """A number that is reported. ``percent`` values run from 0 to 100."""

    key: str
    zh: str
    en: str
    signature: str
    unit: Literal["percent", "characters"] = "percent"
    better: Literal["higher", "lower", "none"] = "higher"


class Family(ABC):
    """Measures that share their statistics. ``width`` numbers a row."""

    name: str
    width: int
    measures: tuple[Measure, ...]

    @abstractmethod
    def observe(self, item: Mapping[str, Any], answer: Answer) -> list[float]:
        """The row (width,) of one item."""

    def combine(self, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Scores (B, measures) of B sets of items from their summed rows (B, width) and their sizes (B,).

        As it stands, means: one column of the row per measure.
        """
        return sums / np.maximum(counts, 1)[:, None]


def signed(library: str, *parts: str) -> str:
    """A signature: what was done, and the version of the library that did it."""
    return "|".join([*parts, f"{library}:{version(library)}"])


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """``part / whole``; 0 where the whole is 0."""
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)
