"""One module per family of metrics; ``FAMILIES`` names those of each kind of item.

A family turns each (item, answer) into a row of numbers, its *statistics*, which add up: sums over any set of items, or
over a bootstrap resample, give the scores of that set. Whatever is shown is computed from such rows and nothing else.
"""

from __future__ import annotations

from .base import Answer, Family, Measure
from .bleu import Bleu
from .choice import ChoiceAccuracy
from .degenerate import Degenerate
from .distinct import Distinct
from .gleu import Gleu
from .keypoints import KeyPoints
from .reading import Reading
from .rouge import Rouge, RougeChinese

FAMILIES: dict[str, tuple[Family, ...]] = {
    "aneqa": (
        KeyPoints(),
        Bleu(),
        Gleu(),
        Rouge("char"),
        Rouge("jieba"),
        RougeChinese(),
        Distinct(),
        Degenerate(),
    ),
    "anecq": (ChoiceAccuracy(),),
    "anerc": (Reading(), Degenerate()),
}

__all__ = ["FAMILIES", "Answer", "Family", "Measure"]
