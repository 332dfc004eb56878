"""Fine-tuning from general to specific: phase after phase, each from the merged result of the one before.

    0-scratch/                                         untrained base, if the configuration has no other
    1-general/   data.json train.jsonl heldout.jsonl   what it learns from
                 trained/                              adapter or weights, curve.json
                 merged/                               fp32 checkpoint, the next phase's base (not for the last one)
                 done.json                             marks the phase as finished

A new phase gets a *new* adapter: going on with the old one would keep its optimum near the general data, and its rank
would have to serve both.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..config import Phase, RunConfig
from ..errors import InputError
from ..progress import Progress
from ..runs import StageWork
from .chat import IGNORED, ChatEncoder, Example, open_tokenizer
from .curves import draw_curves
from .job import Job, launch
from .memory import memory_told
from .merge import load_result, save_checkpoint
from .mixture import mix, read_examples, share_of, source_path
from .scratch import make_base

SCRATCH = "0-scratch"


def phase_folder(folder: Path, config: RunConfig, index: int) -> Path:
    """Folder of a phase (counted from 0) within that of the stage."""
    assert config.train is not None
    return folder / f"{index + 1}-{config.train.phases[index].name}"


def base_of(folder: Path, config: RunConfig, index: int) -> Path:
    """The checkpoint that a phase starts from."""
    assert config.train is not None
    if index:
        return phase_folder(folder, config, index - 1) / "merged"
    return config.train.base or folder / SCRATCH


def train_phases(config: RunConfig, work: StageWork, kept: Path | None, progress: Progress) -> None:
    """Run the phases that are not finished yet.

    Args:
        kept: the filter stage's file, for sources that say ``from_filter``.

    Raises:
        InputError: base, template or data are unsuitable.
        ResourceError: out of memory.
        TrainingError: the training process failed.
    """
    assert config.train is not None
    if config.train.scratch and not (work.folder / SCRATCH / "config.json").exists():
        make_base(config.train.scratch, _texts(config, kept), work.folder / SCRATCH, config.seed)
    tokenizer = open_tokenizer(base_of(work.folder, config, 0), config.train.chat_template)
    encoder = ChatEncoder(tokenizer, config.train.system_prompt)
    facts: dict[str, Any] = {}
    for index, phase in enumerate(config.train.phases):
        folder = phase_folder(work.folder, config, index)
        done = folder / "done.json"
        if not done.exists():
            with progress.stage(f"phase {index + 1}, {phase.name}"):
                facts[phase.name] = _phase(config, work, index, kept, encoder)
            work.write_text(f"{folder.name}/done.json", json.dumps(facts[phase.name]))
        facts[phase.name] = json.loads(done.read_text(encoding="utf-8"))
    work.counts = facts
    draw_curves(
        {
            phase.name: phase_folder(work.folder, config, index) / "trained" / "curve.json"
            for index, phase in enumerate(config.train.phases)
        },
        work.folder / "curves.png",
    )
    for index in range(len(config.train.phases)):
        for leftover in ("checkpoints", "cache"):
            shutil.rmtree(phase_folder(work.folder, config, index) / leftover, ignore_errors=True)
        for name in (".lock", "job.json"):
            (phase_folder(work.folder, config, index) / name).unlink(missing_ok=True)


def _phase(config: RunConfig, work: StageWork, index: int, kept: Path | None, encoder: ChatEncoder) -> dict[str, Any]:
    assert config.train is not None
    settings, phase = config.train, config.train.phases[index]
    folder = phase_folder(work.folder, config, index)
    base = base_of(work.folder, config, index)
    mixture = mix(phase, kept, config.seed)
    counts: dict[str, Any] = {"sources": mixture.counts}
    for name, examples in (("train", mixture.train), ("heldout", mixture.heldout)):
        rows, longer = _encode(encoder, examples, settings.length)
        if name == "train":
            rows = [_opening(row, phase, f"{config.seed}/{place}") for place, row in enumerate(rows)]
        if phase.learn == "everything":
            rows = [{**row, "labels": row["input_ids"]} for row in rows]
        if not rows:
            raise InputError(f"train.length: all {name} records of phase {phase.name} exceed {settings.length} tokens")
        work.write_lines(f"{folder.name}/{name}.jsonl", rows)
        counts[name] = len(rows)
        counts[f"{name}_too_long"] = longer
        counts[f"{name}_answer_tokens"] = sum(label >= 0 for row in rows for label in row["labels"])
    work.write_lines(
        f"{folder.name}/heldout_texts.jsonl",
        [{"id": e.id, "question": e.question, "answer": e.answer} for e in mixture.heldout],
    )
    trained = folder / "trained"
    if not (trained / "curve.json").exists():
        job = Job(
            phase=phase,
            model=base,
            train=folder / "train.jsonl",
            heldout=folder / "heldout.jsonl",
            work=folder,
            out=trained,
            length=settings.length,
            packing=settings.packing,
            precision=settings.precision,
            gradient_checkpointing=settings.gradient_checkpointing,
            seed=config.seed,
        )
        launch(job, folder / "job.json", settings.accelerate)
    curve = json.loads((trained / "curve.json").read_text(encoding="utf-8"))
    counts |= {"steps": curve["steps"], "final_heldout_loss": curve["final_heldout_loss"]}
    if index + 1 < len(settings.phases):
        with memory_told("merging needs the model in fp32, four bytes a weight"):
            model, counts["merge_logit_change"] = load_result(base, trained, phase.method)
            save_checkpoint(model, encoder.tokenizer, folder / "merged")
    return counts


def _texts(config: RunConfig, kept: Path | None) -> Iterator[str]:
    """Questions and answers of all phases, for the tokenizer."""
    assert config.train is not None
    for path in dict.fromkeys(source_path(source, kept) for phase in config.train.phases for source in phase.data):
        for example in read_examples(path):
            yield from (example.question, example.answer)


def _opening(row: dict[str, Any], phase: Phase, salt: str) -> dict[str, Any]:
    """The row, or for ``opening_share`` of the rows what remains when the last answer is cut after its opening."""
    if share_of(f"{salt}/{phase.name}/opening/{row['id']}") >= phase.opening_share:
        return row
    labels = row["labels"]
    learned = max(index for index, label in enumerate(labels) if label != IGNORED)
    begin = next((index + 1 for index in range(learned, -1, -1) if labels[index] == IGNORED), 0)
    length = begin + phase.opening_tokens
    return {**row, "input_ids": row["input_ids"][:length], "labels": labels[:length]}


def _encode(encoder: ChatEncoder, examples: list[Example], length: int) -> tuple[list[dict[str, Any]], int]:
    rows = [{"id": example.id, **encoder.encode(example)} for example in examples]
    fitting = [row for row in rows if len(row["input_ids"]) <= length]
    return fitting, len(rows) - len(fitting)
