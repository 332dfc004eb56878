"""Reading comprehension: exact match and character F1 against the best of the accepted spans.

As SQuAD (Rajpurkar et al. 2016, https://aclanthology.org/D16-1264) with the tokens of Chinese tests: text is folded
(NFKC, lower case, no punctuation), a token is a Chinese character, a Latin word or a number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ..text import answer_text, mixed_tokens
from .base import Answer, Family, Measure

_HOW = "best of spans|tok:CJK char, Latin word, number|NFKC, lower, no punctuation|hypnos:1"


class Reading(Family):
    """Row: 100 times exact match, F1, and whether an accepted span stands anywhere in the answer."""

    name = "reading"
    width = 3
    measures = (
        Measure("exact_match", "完全匹配", "Exact match", f"mean|{_HOW}"),
        Measure("character_f1", "字符F1", "Character F1", f"mean, bag of tokens|{_HOW}"),
        Measure("span_contained", "回答含标准答案", "Answer contains the span", f"mean|{_HOW}"),
    )

    def observe(self, item: Mapping[str, Any], answer: Answer) -> list[float]:
        given = mixed_tokens(answer_text(answer.text))
        spans = [mixed_tokens(span["text"]) for span in item["answers"]]
        return [
            100.0 * any(given == span for span in spans),
            100.0 * max(f1(given, span) for span in spans),
            100.0 * any(_contains(given, span) for span in spans),
        ]


def f1(given: list[str], wanted: list[str]) -> float:
    """F1 of two bags of tokens, 0 to 1; 1 where both are empty."""
    if not given or not wanted:
        return float(given == wanted)
    common = sum((Counter(given) & Counter(wanted)).values())
    return 2 * common / (len(given) + len(wanted))


def _contains(given: list[str], span: list[str]) -> bool:
    size = len(span)
    return size > 0 and any(given[i : i + size] == span for i in range(len(given) - size + 1))
