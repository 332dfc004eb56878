"""A smoke evaluation of the merged checkpoint, as it was saved: does it speak, to the point, and does it stop?

It answers held-out questions greedily. This tells whether training went wrong, not whether the model is good: for that
there is the benchmark. Key points are not authored here, they are the clauses of the reference answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

from .config import EvaluateConfig
from .evaluate.statistics import estimates
from .progress import Progress
from .train.chat import IGNORED, ChatEncoder, Example, open_tokenizer
from .train.memory import memory_told

COVERED = 0.6
"""Share of a key point's character pairs that an answer must contain for the point to count."""


MEASURES = ("heldout_loss", "ended", "degenerate", "key_point_overlap")
"""Nats per answer token of the reference, and shares of the questions."""


@dataclass(frozen=True)
class Answer:
    """What the model said to a held-out question.

    Args:
        ended: by itself, within the limit of tokens.
        loss: of the reference, in nats, summed over its tokens.
        tokens: of the reference.
    """

    id: str
    question: str
    reference: str
    text: str
    ended: bool
    loss: float = 0.0
    tokens: int = 0

    @property
    def degenerate(self) -> bool:
        return is_degenerate(self.text)

    @property
    def overlap(self) -> float:
        return key_point_overlap(self.text, self.reference)

    @property
    def row(self) -> tuple[float, ...]:
        """Statistics that add up over answers to what ``combine`` reads."""
        return (self.loss, self.tokens, self.ended, self.degenerate, self.overlap)


def combine(sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """``MEASURES`` (samples, 4) of sums of rows (samples, 5) over so many answers each (samples,)."""
    return np.column_stack([sums[:, 0] / np.maximum(sums[:, 1], 1), sums[:, 2:] / counts[:, None]])


def is_degenerate(text: str) -> bool:
    """Empty, or repeating: a run of 4 to 40 characters five times in a row, or few distinct 4-grams in a long text."""
    plain = "".join(text.split())
    if not plain or re.search(r"(.{4,40}?)\1{4}", plain) or re.search(r"(.)\1{19}", plain):
        return True
    grams = [plain[index : index + 4] for index in range(len(plain) - 3)]
    return len(grams) >= 60 and len(set(grams)) / len(grams) < 0.3


def key_point_overlap(text: str, reference: str) -> float:
    """Share of the reference's clauses most of whose character pairs occur in the text; 1 for an empty reference."""
    pairs = _pairs(text)
    points = [own for clause in re.split(r"[。；;，,：:\n]", reference) if (own := _pairs(clause))]
    if not points:
        return 1.0
    return sum(len(own & pairs) / len(own) >= COVERED for own in points) / len(points)


def _pairs(text: str) -> set[str]:
    plain = "".join(character for character in text.lower() if character.isalnum())
    return {plain[index : index + 2] for index in range(len(plain) - 1)}


def smoke_evaluation(
    model_folder: Path, examples: Sequence[Example], system: str | None, settings: EvaluateConfig, progress: Progress
) -> tuple[dict[str, Any], list[Answer]]:
    """Scores and answers.

    Returns:
        ``questions`` and the ``MEASURES``, ``intervals`` of these (95%, bootstrap over questions), and the answers in
        the order of the examples.

    Raises:
        InputError: the checkpoint cannot be used.
        ResourceError: out of memory.
    """
    tokenizer = open_tokenizer(model_folder)
    tokenizer.padding_side = "left"
    encoder = ChatEncoder(tokenizer, system)
    chosen = list(examples[: settings.records])
    with memory_told("lower evaluate.batch"), torch.inference_mode():
        device = "cuda" if torch.cuda.is_available() else "cpu"
        model = (
            AutoModelForCausalLM.from_pretrained(model_folder, dtype="auto", local_files_only=True).to(device).eval()
        )
        answers: list[Answer] = []
        with progress.count("answers", len(chosen)) as bar:
            for start in range(0, len(chosen), settings.batch):
                batch = chosen[start : start + settings.batch]
                for example, answer in zip(
                    batch, _answers(model, encoder, batch, settings.new_tokens, device), strict=True
                ):
                    loss, tokens = _loss(model, encoder, example, device)
                    answers.append(replace(answer, loss=loss, tokens=tokens))
                bar.update(len(batch))
    scores: dict[str, Any] = {"questions": len(answers)}
    intervals = {}
    found = estimates(np.array([answer.row for answer in answers], dtype=np.float64), combine)
    for name, estimate in zip(MEASURES, found, strict=True):
        scores[name] = round(estimate.value, 4)
        if estimate.low is not None and estimate.high is not None:
            intervals[name] = [round(estimate.low, 4), round(estimate.high, 4)]
    scores["intervals"] = intervals
    return scores, answers


def _loss(model: Any, encoder: ChatEncoder, example: Example, device: str) -> tuple[float, int]:
    """Loss of the reference answer in nats, and its tokens."""
    encoded = encoder.encode(example)
    labels = torch.tensor(encoded["labels"][1:], device=device)
    logits = model(input_ids=torch.tensor([encoded["input_ids"]], device=device)).logits[0, :-1].float()
    loss = cross_entropy(logits, labels, ignore_index=IGNORED, reduction="sum").item()
    return loss, int((labels != IGNORED).sum())


def _answers(
    model: Any, encoder: ChatEncoder, examples: Sequence[Example], new_tokens: int, device: str
) -> list[Answer]:
    tokenizer = encoder.tokenizer
    prompts = [encoder.prompt(example.question) for example in examples]
    inputs = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False).to(device)
    stops = model.generation_config.eos_token_id
    stops = set(stops if isinstance(stops, list) else [stops]) | {tokenizer.eos_token_id}
    stops.discard(None)
    output = model.generate(
        input_ids=inputs["input_ids"],
        attention_mask=inputs["attention_mask"],
        do_sample=False,
        temperature=None,
        top_p=None,
        top_k=None,
        max_new_tokens=new_tokens,
        eos_token_id=sorted(stops),
        pad_token_id=tokenizer.pad_token_id,
    )
    answers = []
    for example, row in zip(examples, output[:, inputs["input_ids"].shape[1] :].tolist(), strict=True):
        end = next((index for index, token in enumerate(row) if token in stops), None)
        text = tokenizer.decode(row[:end], skip_special_tokens=True).strip()
        answers.append(Answer(example.id, example.question, example.answer, text, end is not None))
    return answers
