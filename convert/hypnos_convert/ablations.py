"""Runs of the pipeline side by side: what does it change to leave a phase out, or a filter?

Each run's smoke evaluation has the same held-out questions if seed and data are the same. Measures are compared over
the questions that both runs have, paired, so that a difference is told from luck in the choice of questions. Luck in
training is not measured: for that, run an arm again with another seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import InputError
from .evaluate.statistics import Difference, Estimate, estimates, paired_bootstrap
from .inputs import Fields
from .journal import read_numbered_lines
from .runs import load_manifest
from .smoke import MEASURES, combine

EXPECTED = "; make the stage again with this version: python -m hypnos_convert run YAML --until evaluate"


@dataclass(frozen=True)
class Arm:
    """A finished run.

    Args:
        steps: optimiser steps of all phases.
        scores: its ``MEASURES`` over all its questions.
        differences: from the first arm, by measure, over the ``shared`` questions; None for the first arm itself.
    """

    name: str
    phases: list[str]
    steps: int
    questions: int
    scores: dict[str, Estimate]
    shared: int
    differences: dict[str, Difference] | None


def compare_runs(folders: list[Path]) -> list[Arm]:
    """Arms in the order of the folders, compared with the first.

    Raises:
        InputError: a run is not evaluated, its answers are malformed, or it shares no question with the first.
    """
    arms: list[Arm] = []
    first: dict[tuple[str, str], list[float]] = {}
    for folder in folders:
        counts = load_manifest(folder / "train")["counts"]
        phases = Fields(counts, folder / "train")
        rows = _rows(folder / "evaluate" / "answers.jsonl")
        table = np.array(list(rows.values()), dtype=np.float64)
        first = first or rows
        shared = [key for key in first if key in rows]
        if not shared:
            raise InputError(f"{folder} and {folders[0]} have no held-out question in common: other seed or data?")
        differences = None
        if arms:
            a, b = (np.array([of[key] for key in shared], dtype=np.float64) for of in (first, rows))
            differences = dict(zip(MEASURES, paired_bootstrap(a, b, combine), strict=True))
        arms.append(
            Arm(
                name=folder.name,
                phases=list(counts),
                steps=sum(phases.object(name).integer("steps", 0, 1 << 50) for name in counts),
                questions=len(rows),
                scores=dict(zip(MEASURES, estimates(table, combine), strict=True)),
                shared=len(shared),
                differences=differences,
            )
        )
    return arms


def _rows(file: Path) -> dict[tuple[str, str], list[float]]:
    """Statistics by id and question, as ``smoke.Answer.row``."""
    rows = {}
    for number, line in read_numbered_lines(file):
        fields = Fields(line, f"{file}: line {number}")
        if "tokens" not in fields:
            raise InputError(f"{file}: line {number}: no loss of its own{EXPECTED}")
        rows[fields.text("id"), fields.text("question", limit=1 << 20)] = [
            fields.number("loss", 0, 1e9),
            fields.integer("tokens", 0, 1 << 40),
            fields.flag("ended"),
            fields.flag("degenerate"),
            fields.number("key_point_overlap", 0, 1),
        ]
    if not rows:
        raise InputError(f"{file} holds no answers{EXPECTED}")
    return rows
