"""Corpus BLEU-1..4 by sacrebleu with its ``zh`` tokenizer.

Papineni et al. 2002; https://aclanthology.org/P02-1040. BLEU-n is the geometric mean of the precisions of orders 1 to n
times the brevity penalty, smoothed as sacrebleu's default does ("exp").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sacrebleu.metrics import BLEU

from ..text import answer_text
from .base import Answer, Family, Measure, signed

ORDERS = 4


class Bleu(Family):
    """Row: length of the answer, of the reference, matches of order 1 to 4, n-grams of order 1 to 4."""

    name = "bleu"
    width = 2 + 2 * ORDERS

    def __init__(self) -> None:
        self._bleu = BLEU(tokenize="zh", smooth_method="exp", max_ngram_order=ORDERS)
        self.measures = tuple(
            Measure(
                f"bleu_{order}",
                f"BLEU-{order}",
                f"BLEU-{order}",
                signed("sacrebleu", "corpus", f"max_order:{order}", "tok:zh", "smooth:exp", "nrefs:1", "case:mixed"),
            )
            for order in range(1, ORDERS + 1)
        )

    def observe(self, item: Mapping[str, Any], answer: Answer) -> list[float]:
        # A score's counts are the statistics that corpus_score sums.
        score = self._bleu.corpus_score([answer_text(answer.text)], [[item["reference"]]])
        return [score.sys_len, score.ref_len, *score.counts, *score.totals]

    def combine(self, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """As ``BLEU.compute_bleu``, for many resamples at once."""
        length, reference = sums[:, 0], sums[:, 1]
        correct, total = sums[:, 2 : 2 + ORDERS], sums[:, 2 + ORDERS :]
        with np.errstate(divide="ignore", invalid="ignore"):
            penalty = np.where(length < reference, np.exp(1 - reference / length), 1.0)
            # Each order without a match halves once more what it is given.
            halvings = np.cumsum((correct == 0) & (total > 0), axis=1)
            precision = np.where(correct > 0, correct / total, 1 / (2.0**halvings * total))
            logs = np.log(np.where(total > 0, precision, 0))
            scores = np.exp(np.cumsum(logs, axis=1) / np.arange(1, ORDERS + 1))
        # sacrebleu stops where no order up to n matches at all.
        scores = np.where(np.cumsum(correct, axis=1) > 0, scores, 0)
        return np.where(length[:, None] > 0, 100 * penalty[:, None] * scores, 0)
