"""From a record to tokens: the tokenizer's own chat template, loss on the answer and its end mark only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from ..errors import InputError

IGNORED = -100
"""Label of tokens that are not learned, as torch's cross entropy has it."""


@dataclass(frozen=True)
class Example:
    """A question and its answer; ``earlier``: turns before them, each a question and its answer, learned alike."""

    id: str
    question: str
    answer: str
    earlier: tuple[tuple[str, str], ...] = ()


def open_tokenizer(model: Path, template: Path | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder, with a chat template.

    Raises:
        InputError: there is none, or neither the folder nor ``template`` gives a chat template.
    """
    if not (model / "config.json").is_file():
        raise InputError(f"{model}: no config.json; train.base must be the folder of a Hugging Face checkpoint")
    try:
        # AutoTokenizer replaces the pre-tokenizer of tokenizer.json by the architecture's own; packages carry the file.
        kind = PreTrainedTokenizerFast if (model / "tokenizer.json").is_file() else AutoTokenizer
        tokenizer = kind.from_pretrained(model, local_files_only=True)
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

    Labels equal the ids from the first token of an answer to the special token that ends it, and are IGNORED
    elsewhere: in the system message, the questions, and whatever the template writes after an end.

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
        messages = [*self._system_message(), {"role": "user", "content": question}]
        return self._render(messages, add_generation_prompt=True)

    def encode(self, example: Example) -> dict[str, list[int]]:
        messages = self._system_message()
        answers: list[tuple[int, str]] = []  # Where in the text each begins, and what it is.
        for question, answer in (*example.earlier, (example.question, example.answer)):
            messages.append({"role": "user", "content": question})
            prompt = self._render(messages, add_generation_prompt=True)
            messages.append({"role": "assistant", "content": answer})
            text = self._render(messages, add_generation_prompt=False)
            if not text.startswith(prompt) or answer not in text[len(prompt) :]:
                raise InputError(
                    "the chat template does not write answers where its generation prompt ends; "
                    "give another one in train.chat_template"
                )
            answers.append((len(prompt), answer))
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        ids: list[int] = encoded["input_ids"]
        starts = [start for start, _ in encoded["offset_mapping"]]
        labels = [IGNORED] * len(ids)
        for begin, answer in answers:
            if text.find(answer, begin) < 0:
                raise InputError("the chat template writes earlier answers in another way than the last one")
            end = self._end_of_answer(ids, starts, text.index(answer, begin) + len(answer))
            for index in range(next(i for i, start in enumerate(starts) if start >= begin), end + 1):
                labels[index] = ids[index]
        return {"input_ids": ids, "labels": labels}

    def _end_of_answer(self, ids: list[int], starts: list[int], position: int) -> int:
        """Index of the special token that ends an answer whose text ends at ``position``."""
        for index, (id, start) in enumerate(zip(ids, starts, strict=True)):
            if start >= position and id in self._special:
                return index
        raise InputError(
            "the chat template ends answers with no special token; give another one in train.chat_template"
        )

    def _system_message(self) -> list[dict[str, str]]:
        return [{"role": "system", "content": self._system}] if self._system else []

    def _render(self, messages: Sequence[dict[str, str]], **options: Any) -> str:
        try:
            return self.tokenizer.apply_chat_template(list(messages), tokenize=False, **options)
        except Exception as error:  # Jinja raises what the template's author chose.
            raise InputError(f"the chat template fails: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
