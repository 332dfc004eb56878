"""Which records a phase learns from, and which it holds out.

Held out by answer unless a phase says ``hold_out: wordings``: several wordings of one question share their answer, and
one of them in training would make the held-out loss tell of memory, not of knowledge. A model that is to learn its few
answers by heart holds out wordings instead: does it find the answer when the question is put in another way? The choice
depends on seed and text alone, so that what the first phase holds out is held out of the second one's replay too.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..config import DataSource, Phase
from ..errors import InputError
from ..journal import read_lines, record_files
from .chat import Example


@dataclass(frozen=True)
class Mixture:
    """Examples in order; an example with weight 2 occurs twice in ``train``, each with its own characters left out if
    the phase has a ``question_deletion``. ``counts`` by source."""

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

    A passage of reference text (``title``, ``text``) is read as the answer to its title.

    Raises:
        InputError: nothing there, or a malformed record; the message gives file, line and field.
    """
    examples = []
    for file in record_files(path):
        for number, record in enumerate(read_lines(file), start=1):
            is_passage = "title" in record and "instruction" not in record
            asked, told = ("title", "text") if is_passage else ("instruction", "output")
            for name in (asked, told):
                if not isinstance(record.get(name), str) or not record[name].strip():
                    raise InputError(f"{file}: record {number}: {name}: expected a text that is not empty")
            given = record.get("input", "")
            if not isinstance(given, str):
                raise InputError(f"{file}: record {number}: input: expected a text")
            question = f"{record[asked]}\n{given}" if given else record[asked]
            key = record.get("id", f"{file.stem}-{number}")
            examples.append(Example(str(key), question.strip(), record[told].strip()))
    if not examples:
        raise InputError(f"{path}: no records (*.jsonl with instruction and output, or title and text)")
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
            decisive = example.answer if phase.hold_out == "answers" else example.question
            if share_of(f"{seed}/held out/{decisive}") < phase.heldout_share:
                heldout.setdefault((example.question, example.answer), example)
            else:
                train.extend(_repeat(example, source.weight, f"{seed}/{phase.name}/{index}"))
        counts[f"{index + 1} {'filter' if source.from_filter else path.name}"] = len(train) - before
    if not train or not heldout:
        which = "training" if not train else "held-out"
        raise InputError(f"train.phases {phase.name}: no {which} records; give more data or change heldout_share")
    if phase.question_deletion:
        noise = random.Random(f"{seed}/{phase.name}/deletion")
        held = {example.question for example in heldout.values()}
        train = [_with_deletions(example, phase.question_deletion, noise, held) for example in train]
    return Mixture(_follow(train, phase.follow_share, f"{seed}/{phase.name}"), list(heldout.values()), counts)


def _with_deletions(example: Example, mean_share: float, noise: random.Random, held: set[str]) -> Example:
    """Its question without some characters: up to twice ``mean_share`` of them, never all, and never a held-out one."""
    share = 2 * mean_share * noise.random()
    left = "".join(character for character in example.question if noise.random() >= share).strip()
    return example if not left or left in held else replace(example, question=left)


def _follow(examples: list[Example], share: float, salt: str) -> list[Example]:
    """Make conversations of two turns: ``share`` of the examples follow another one, each is used once."""
    order = list(examples)
    random.Random(salt).shuffle(order)
    pairs = min(round(share * len(order)), len(order) // 2)
    first, second, rest = order[:pairs], order[pairs : 2 * pairs], order[2 * pairs :]
    followed = [
        replace(b, id=f"{a.id}+{b.id}", earlier=(*a.earlier, (a.question, a.answer)))
        for a, b in zip(first, second, strict=True)
    ]
    return [*followed, *rest] if pairs else examples


def _repeat(example: Example, weight: float, salt: str) -> Iterator[Example]:
    whole = int(weight)
    extra = share_of(f"{salt}/{example.id}/{example.question}") < weight - whole
    for _ in range(whole + extra):
        yield example


def share_of(text: str) -> float:
    """A number in [0, 1) that looks random but depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / (1 << 56)
