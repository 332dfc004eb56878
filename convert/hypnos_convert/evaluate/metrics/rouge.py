"""ROUGE-1/2/L (Lin 2004, https://aclanthology.org/W04-1013): F1, averaged over answers.

``Rouge`` is rouge-score with a character or jieba tokenizer (its own tokenizer drops Chinese). ``RougeChinese`` is what
most Chinese papers used, kept for comparison only: it counts *unique* n-grams, so that repetition costs nothing.

Only the length of the longest common subsequence is computed here, bit-parallel, because both libraries fill a table in
Python: a second for two texts of 1,000 characters. The tests hold it to both.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from rouge_chinese.rouge_score import rouge_n
from rouge_score import rouge_scorer, scoring
from rouge_score.tokenizers import Tokenizer

from ..text import answer_text, characters, jieba_words
from .base import Answer, Family, Measure, signed

TOKENIZERS = {"char": characters, "jieba": jieba_words}


# Wide enough for the references of a benchmark, which come back with every target and every sample.
@lru_cache(maxsize=4096)
def _tokens(name: str, text: str) -> tuple[str, ...]:
    return tuple(TOKENIZERS[name](text))


class _Tokenizer(Tokenizer):
    def __init__(self, name: str) -> None:
        self._name = name

    def tokenize(self, text: str) -> tuple[str, ...]:
        return _tokens(self._name, text)


class Rouge(Family):
    """Row: 100 times F1 of ROUGE-1, ROUGE-2 and ROUGE-L."""

    width = 3

    def __init__(self, tokens: Literal["char", "jieba"]) -> None:
        self.name = f"rouge_{tokens}"
        self._tokens = tokens
        self._scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2"], tokenizer=_Tokenizer(tokens))
        signature = ["mean of F1", f"tok:{tokens}"]
        if tokens == "jieba":
            signature.append(signed("jieba", "dict:default", "hmm:yes"))
        self.measures = tuple(
            Measure(
                f"rouge_{which}_{tokens}",
                f"ROUGE-{which.upper()}（{'字' if tokens == 'char' else '词'}）",
                f"ROUGE-{which.upper()} ({'characters' if tokens == 'char' else 'jieba words'})",
                signed("rouge-score", f"rouge{which.upper()}", *signature),
            )
            for which in ("1", "2", "l")
        )

    def observe(self, item: Mapping[str, Any], answer: Answer) -> list[float]:
        text = answer_text(answer.text)
        scores = self._scorer.score(item["reference"], text)
        longest = rouge_l(_tokens(self._tokens, item["reference"]), _tokens(self._tokens, text))
        return [100 * scores["rouge1"].fmeasure, 100 * scores["rouge2"].fmeasure, 100 * longest]


class RougeChinese(Family):
    """Row: 100 times F1 of rouge-chinese's ROUGE-1, ROUGE-2 and ROUGE-L over jieba words."""

    name = "rouge_chinese"
    width = 3
    measures = tuple(
        Measure(
            f"rouge_{which}_compat",
            f"ROUGE-{which.upper()}（rouge-chinese）",
            f"ROUGE-{which.upper()} (rouge-chinese)",
            signed("rouge-chinese", "compatibility only", "mean of F1", "unique n-grams", signed("jieba", "tok:jieba")),
        )
        for which in ("1", "2", "l")
    )

    def observe(self, item: Mapping[str, Any], answer: Answer) -> list[float]:
        hypothesis = _tokens("jieba", answer_text(answer.text))
        reference = _tokens("jieba", item["reference"])
        if not hypothesis or not reference:
            return [0.0] * 3
        # The library joins words with blanks and splits them again.
        sentences = [" ".join(hypothesis)], [" ".join(reference)]
        return [
            100 * rouge_n(*sentences, n=1)["f"],
            100 * rouge_n(*sentences, n=2)["f"],
            100 * rouge_l(reference, hypothesis),
        ]


def rouge_l(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> float:
    """F1 from the longest common subsequence, 0 to 1; 0 where either is empty."""
    if not reference or not hypothesis:
        return 0.0
    length = common_subsequence(reference, hypothesis)
    return scoring.fmeasure(length / len(hypothesis), length / len(reference))


def common_subsequence(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """Length of the longest common subsequence.

    Hyyrö 2004, "Bit-parallel LCS-length computation revisited": one bit of an integer per token of ``a``.
    """
    places: dict[Hashable, int] = {}
    for index, token in enumerate(a):
        places[token] = places.get(token, 0) | 1 << index
    full = (1 << len(a)) - 1
    row = full
    for token in b:
        match = row & places.get(token, 0)
        row = ((row + match) | (row - match)) & full
    return len(a) - row.bit_count()
