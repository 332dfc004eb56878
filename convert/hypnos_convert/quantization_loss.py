"""What quantisation cost: the package of a run, in a browser, is asked what its checkpoint was asked.

    RUN/evaluate/answers.jsonl   questions, references, the checkpoint's answers  ┐
    RUN/package/ID ──> engine in a browser ──> answers (kept, so that it resumes) ┘──> paired differences

Both sets of answers are greedy, with the same limit of tokens, and measured by ``smoke``. Loss is no part of it:
engines in a browser do not tell it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import InputError
from .evaluate.asking import ask_requests
from .evaluate.statistics import Difference, paired_bootstrap
from .evaluate.targets import Request, open_target
from .inputs import Fields
from .journal import read_numbered_lines
from .manifest import MANIFEST_NAME
from .progress import Progress
from .runs import load_manifest
from .smoke import MEASURES, Answer, combine

COMPARED = MEASURES[1:]
"""Without the loss."""


@dataclass(frozen=True)
class Loss:
    """Measures of both, and the package's difference from the checkpoint.

    Args:
        same: questions that both answer in the same words.
    """

    questions: int
    same: int
    checkpoint: dict[str, float]
    package: dict[str, float]
    differences: dict[str, Difference]


def quantization_loss(run: Path, engine: str, cache: Path, progress: Progress) -> Loss:
    """Ask the package and compare.

    Args:
        run: folder of a run whose evaluate and package stages are finished.
        engine: ``web-llm`` or ``wllama``, as ``evaluate`` has it.
        cache: folder for the package's answers.

    Raises:
        InputError: a stage is missing or malformed, or the package cannot be run here.
    """
    first = _answers(run / "evaluate" / "answers.jsonl")
    settings = Fields(load_manifest(run / "evaluate")["settings"], run / "evaluate")
    limit = settings.integer("new_tokens", 1, 1 << 20)
    target = open_target(str(_package(run)), cache=cache, engine=engine)
    requests = [Request(answer.id, ({"role": "user", "content": answer.question},), limit) for answer in first]
    with progress.count("answers", len(requests)) as bar:
        replies = ask_requests(target, requests, cache, tick=bar.update)
    second = [
        Answer(asked.id, asked.question, asked.reference, said.text.strip(), said.finish_reason == "stop")
        for asked, said in zip(first, replies, strict=True)
    ]
    a, b = (np.array([answer.row for answer in answers], dtype=np.float64) for answers in (first, second))
    sizes = np.array([len(first)])
    values = [dict(zip(MEASURES, combine(rows.sum(axis=0, keepdims=True), sizes)[0], strict=True)) for rows in (a, b)]
    differences = dict(zip(MEASURES, paired_bootstrap(a, b, combine), strict=True))
    return Loss(
        questions=len(first),
        same=sum(x.text == y.text for x, y in zip(first, second, strict=True)),
        checkpoint={name: float(values[0][name]) for name in COMPARED},
        package={name: float(values[1][name]) for name in COMPARED},
        differences={name: differences[name] for name in COMPARED},
    )


def _answers(file: Path) -> list[Answer]:
    answers = []
    for number, line in read_numbered_lines(file):
        fields = Fields(line, f"{file}: line {number}")
        answers.append(
            Answer(
                id=fields.text("id"),
                question=fields.text("question", limit=1 << 20),
                reference=fields.text("reference", limit=1 << 20),
                text=fields.text("text", "", limit=1 << 20),
                ended=fields.flag("ended"),
            )
        )
    if not answers:
        raise InputError(f"{file} holds no answers; python -m hypnos_convert run YAML --until evaluate makes them")
    return answers


def _package(run: Path) -> Path:
    found = sorted(file.parent for file in (run / "package").glob(f"*/{MANIFEST_NAME}"))
    if len(found) != 1:
        raise InputError(f"{run / 'package'}: expected one package, found {len(found)}; finish the run first")
    return found[0]
