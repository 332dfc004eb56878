"""Key-point recall: which of an item's key points an answer states, by their weights; and statements it must not make.

Matching is by wording, not by meaning: the judge and human raters cover what wordings miss.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..text import answer_text, fold, wording
from .base import Answer, Family, Measure

NEGATION = re.compile(r"不|勿|禁|避免|忌|未|没有|并非|而非|莫|别|错误|防止")
REACH = 6
"""Characters before a forbidden statement in which a negation takes it back."""


@dataclass(frozen=True)
class Findings:
    """Indices of the key points stated and of the forbidden statements made."""

    stated: tuple[int, ...]
    forbidden: tuple[int, ...]


def find(item: Mapping[str, Any], text: str) -> Findings:
    """What ``text`` states of an AneQA item."""
    folded = fold(answer_text(text))
    stated = [i for i, point in enumerate(item["key_points"]) if _states(folded, point["patterns"])]
    made = [i for i, wrong in enumerate(item["forbidden"]) if _claims(folded, wrong["patterns"])]
    return Findings(tuple(stated), tuple(made))


def _states(folded: str, patterns: Sequence[str]) -> bool:
    return any(wording(pattern).search(folded) for pattern in patterns)


def _claims(folded: str, patterns: Sequence[str]) -> bool:
    for pattern in patterns:
        for match in wording(pattern).finditer(folded):
            before = folded[max(0, match.start() - REACH) : match.start()].rsplit("\n", 1)[-1]
            if not NEGATION.search(before):
                return True
    return False


class KeyPoints(Family):
    """Row: percentage of the weights stated; 100 if a forbidden statement was made."""

    name = "key_points"
    width = 2
    measures = (
        Measure(
            "key_point_recall",
            "要点召回率",
            "Key-point recall",
            "mean over items of weighted recall|wordings, folded NFKC|hypnos:1",
        ),
        Measure(
            "forbidden_rate",
            "含禁忌表述的回答",
            "Answers with a forbidden statement",
            f"share of items|wordings, folded NFKC|negation within {REACH} characters excepted|hypnos:1",
            better="lower",
        ),
    )

    def observe(self, item: Mapping[str, Any], answer: Answer) -> list[float]:
        found = find(item, answer.text)
        weights = [point["weight"] for point in item["key_points"]]
        stated = sum(weights[index] for index in found.stated)
        return [100 * stated / sum(weights), 100.0 if found.forbidden else 0.0]
