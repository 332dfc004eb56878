"""Which records a phase learns from, and which it holds out.

Held out by answer, not by record: several wordings of one question share their answer, and one of them in training
would make the held-out loss meaningless. The choice depends on seed and answer alone, so that what the first phase
holds out is held out of the second one's replay too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..config import DataSource, Phase
from ..errors import InputError
from ..journal import read_lines
from .chat import Example


@dataclass(frozen=True)
class Mixture:
    """Examples in order; an example with weight 2 occurs twice in ``train``. ``counts`` by source."""

    train: list[Example]
    heldout: list[Example]
    counts: dict[str, int]


def source_path(source: DataSource, kept: Path | None) -> Path:
    """Where a source's records lie; ``kept`` is the file of the filter stage."""
    path = kept if source.from_filter else source.path
    assert path is not None
    return path


def read_examples(path: Path) -> list[Example]:
    """Records of a JSONL file, or of all below a folder: ``instruction``, ``output``, optionally ``input`` and ``id``.

    Raises:
        InputError: nothing there, or a malformed record; the message gives file, line and field.
    """
    files = sorted(path.rglob("*.jsonl")) if path.is_dir() else [path]
    examples = []
    for file in files:
        for number, record in enumerate(read_lines(file), start=1):
            for name in ("instruction", "output"):
                if not isinstance(record.get(name), str) or not record[name].strip():
                    raise InputError(f"{file}: record {number}: {name}: expected a text that is not empty")
            given = record.get("input", "")
            if not isinstance(given, str):
                raise InputError(f"{file}: record {number}: input: expected a text")
            question = f"{record['instruction']}\n{given}" if given else record["instruction"]
            key = record.get("id", f"{file.stem}-{number}")
            examples.append(Example(str(key), question.strip(), record["output"].strip()))
    if not examples:
        raise InputError(f"{path}: no records (*.jsonl with instruction and output)")
    return examples


def mix(phase: Phase, kept: Path | None, seed: int) -> Mixture:
    """Read and weigh a phase's sources.

    Raises:
        InputError: a source is unreadable or empty, or nothing is left to train on or to hold out.
    """
    train: list[Example] = []
    heldout: dict[tuple[str, str], Example] = {}
    counts: dict[str, int] = {}
    for index, source in enumerate(phase.data):
        path = source_path(source, kept)
        before = len(train)
        for example in read_examples(path):
            if _share(f"{seed}/held out/{example.answer}") < phase.heldout_share:
                heldout.setdefault((example.question, example.answer), example)
            else:
                train.extend(_repeat(example, source.weight, f"{seed}/{phase.name}/{index}"))
        counts[f"{index + 1} {'filter' if source.from_filter else path.name}"] = len(train) - before
    if not train or not heldout:
        which = "training" if not train else "held-out"
        raise InputError(f"train.phases {phase.name}: no {which} records; give more data or change heldout_share")
    return Mixture(train, list(heldout.values()), counts)


def _repeat(example: Example, weight: float, salt: str) -> Iterator[Example]:
    whole = int(weight)
    extra = _share(f"{salt}/{example.id}/{example.question}") < weight - whole
    for _ in range(whole + extra):
        yield example


def _share(text: str) -> float:
    """A number in [0, 1) that looks random but depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / (1 << 56)
