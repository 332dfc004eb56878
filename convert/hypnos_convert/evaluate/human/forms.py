"""Who sees which answers, in which order, and the key that undoes it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..items import Item
from ..text import answer_text

FORMAT = "hypnos-rating-key/1"
SUMMARY_FORMAT = "hypnos-human/1"
ASPECTS = {
    "coherence": "连贯性",
    "professionalism": "专业性",
    "usefulness": "有用性",
    "safety": "安全性",
    "friendliness": "友好性",
}
"""The five aspects of the judge, 0 to 10, more is better."""


@dataclass(frozen=True)
class Entry:
    """One item as one rater sees it. ``answers`` are one or two texts; ``code`` says nothing about either."""

    number: int
    code: str
    question: str
    reference: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Form:
    """All entries of a rater."""

    rater: str
    study: str
    entries: tuple[Entry, ...]


def make_forms(
    items: Sequence[Item], answers: Mapping[str, Mapping[str, str]], raters: Sequence[str], seed: int
) -> tuple[list[Form], dict[str, Any]]:
    """A form for each rater, and the key.

    Args:
        answers: texts by target (one or two), then by item id.
        seed: the same seed gives the same forms.
    """
    targets = list(answers)
    study = hashlib.sha256(repr((seed, targets, [item.id for item in items])).encode()).hexdigest()[:12]
    key: dict[str, Any] = {"format": FORMAT, "study": study, "targets": targets, "raters": list(raters), "entries": {}}
    forms = []
    for rater in raters:
        order = random.Random(f"{seed}/{rater}")
        shuffled = list(items)
        order.shuffle(shuffled)
        # Each side has each target first equally often: chance alone leaves a small study lopsided.
        flips = [index % 2 == 1 for index in range(len(shuffled))]
        order.shuffle(flips)
        entries = []
        for number, (item, flip) in enumerate(zip(shuffled, flips, strict=True), 1):
            sides = targets[::-1] if flip else targets
            code = hashlib.sha256(f"{seed}/{rater}/{item.id}".encode()).hexdigest()[:10]
            texts = tuple(answer_text(answers[target][item.id]) or "（没有回答）" for target in sides)
            entries.append(Entry(number, code, item.data["question"], item.data["reference"], texts))
            key["entries"][code] = {"rater": rater, "item": item.id, "sides": sides}
        forms.append(Form(rater, study, tuple(entries)))
    return forms, key
