"""GLEU (Google-BLEU), Wu et al. 2016, https://arxiv.org/abs/1609.08144: nltk's ``sentence_gleu`` over characters.

The lesser of precision and recall of all 1- to 4-grams of an answer, averaged over answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nltk.translate.gleu_score import sentence_gleu

from ..text import answer_text, characters
from .base import Answer, Family, Measure, signed


class Gleu(Family):
    """Row: 100 times the sentence's GLEU."""

    name = "gleu"
    width = 1
    measures = (Measure("gleu", "GLEU", "GLEU", signed("nltk", "mean of sentences", "tok:char", "order:1-4")),)

    def observe(self, item: Mapping[str, Any], answer: Answer) -> list[float]:
        hypothesis = characters(answer_text(answer.text))
        return [100 * sentence_gleu([characters(item["reference"])], hypothesis) if hypothesis else 0.0]
