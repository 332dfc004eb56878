"""From a record to tokens: the tokenizer's own chat template, loss on the answer and its end mark only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from ..errors import InputError

IGNORED = -100
"""Label of tokens that are not learned, as torch's cross entropy has it."""


@dataclass(frozen=True)
class Example:
    """A question, possibly with a system message before it, and its answer."""

    id: str
    question: str
    answer: str


def open_tokenizer(model: Path, template: Path | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder, with a chat template.

    Raises:
        InputError: there is none, or neither the folder nor ``template`` gives a chat template.
    """
    if not (model / "config.json").is_file():
        raise InputError(f"{model}: no config.json; train.base must be the folder of a Hugging Face checkpoint")
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=True)
    except (OSError, ValueError) as error:
        raise InputError(f"{model}: the tokenizer cannot be read: {_first_line(error)}") from error
    if template is not None:
        try:
            tokenizer.chat_template = template.read_text(encoding="utf-8")
        except OSError as error:
            raise InputError(f"{template}: cannot be read: {error.strerror}") from error
    if not tokenizer.chat_template:
        raise InputError(f"{model}: the tokenizer has no chat template; name a Jinja file in train.chat_template")
    if not tokenizer.is_fast:
        raise InputError(f"{model}: tokenizer.json is missing; a fast tokenizer is needed to find the answer's tokens")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


class ChatEncoder:
    """Turns examples into ``input_ids`` and ``labels`` (both lists of int, equally long).

    Labels equal the ids from the first token of the answer to the special token that ends it, and are IGNORED
    elsewhere: in the system message, the question, and whatever the template writes after the end.

    Raises:
        InputError: answers in a whole conversation do not stand where the generation prompt leaves off, or no special
            token ends them; a model trained on that would not know when to stop.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, system: str | None = None) -> None:
        self.tokenizer = tokenizer
        self._system = system
        self._special = set(tokenizer.all_special_ids) | {
            id for id, token in tokenizer.added_tokens_decoder.items() if token.special
        }
        self.encode(Example("probe", "问", "答"))

    def prompt(self, question: str) -> str:
        """The text up to where the model goes on."""
        return self._render([*self._start(question)], add_generation_prompt=True)

    def encode(self, example: Example) -> dict[str, list[int]]:
        prompt = self.prompt(example.question)
        answer = {"role": "assistant", "content": example.answer}
        text = self._render([*self._start(example.question), answer], add_generation_prompt=False)
        if not text.startswith(prompt) or example.answer not in text[len(prompt) :]:
            raise InputError(
                "the chat template does not write answers where its generation prompt ends; "
                "give another one in train.chat_template"
            )
        end_of_answer = text.index(example.answer, len(prompt)) + len(example.answer)
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids: list[int] = encoded["input_ids"]
        labels = [IGNORED] * len(ids)
        for index, (start, _) in enumerate(encoded["offset_mapping"]):
            if start < len(prompt):
                continue
            labels[index] = ids[index]
            if start >= end_of_answer and ids[index] in self._special:
                return {"input_ids": ids, "labels": labels}
        raise InputError(
            "the chat template ends answers with no special token; give another one in train.chat_template"
        )

    def _start(self, question: str) -> list[dict[str, str]]:
        system = [{"role": "system", "content": self._system}] if self._system else []
        return [*system, {"role": "user", "content": question}]

    def _render(self, messages: Sequence[dict[str, str]], **options: Any) -> str:
        try:
            return self.tokenizer.apply_chat_template(list(messages), tokenize=False, **options)
        except Exception as error:  # Jinja raises what the template's author chose.
            raise InputError(f"the chat template fails: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
