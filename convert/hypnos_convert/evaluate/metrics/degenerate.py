"""Answers that are no answers: empty, caught in a loop, or not Chinese; and how long answers are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..text import answer_text, characters
from .base import Answer, Family, Measure

# At least four times the same 2 to 60 characters, 24 in all; or one character twelve times.
_LOOP = re.compile(r"(.{6,60}?)\1{3,}|(.{4,5}?)\2{5,}|(.{2,3}?)\3{11,}|([^\s.…\-_=*#|])\4{11,}", re.DOTALL)
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
LONG = 120
"""Characters from which the variety of 4-grams is looked at."""


def is_degenerate(text: str) -> bool:
    """Empty; the same words over and over; or a sentence's worth of text without a single Chinese character."""
    text = answer_text(text)
    if not text or _LOOP.search(text):
        return True
    tokens = characters(text)
    if len(tokens) >= LONG:
        grams = len(tokens) - 3
        if len({tuple(tokens[i : i + 4]) for i in range(grams)}) / grams < 0.35:
            return True
    return len(tokens) >= 24 and not _CHINESE.search(text)


class Degenerate(Family):
    """Row: 100 if degenerate; 100 if cut off by the limit of tokens; characters."""

    name = "degenerate"
    width = 3
    measures = (
        Measure(
            "degenerate_rate",
            "退化回答",
            "Degenerate answers",
            "empty, looping, under 35% distinct 4-grams, or without Chinese|hypnos:1",
            better="lower",
        ),
        Measure("cut_off", "被长度截断", "Cut off by the token limit", "finish_reason=length", better="lower"),
        Measure("length", "平均长度（字）", "Mean length", "characters without white space", "characters", "none"),
    )

    def observe(self, item: Mapping[str, Any], answer: Answer) -> list[float]:
        return [
            100.0 * is_degenerate(answer.text),
            100.0 * (answer.finish_reason == "length"),
            float(len(characters(answer_text(answer.text)))),
        ]
