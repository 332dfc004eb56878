"""The checkpoint's tokenizer, twice: as transformers uses it in training and as web-llm will use it in the page.

web-llm knows ``tokenizer.json`` only, and encodes without adding special tokens; transformers may add to it what
``tokenizer_config.json`` says. ``chat_template`` compares the two.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from .errors import InputError
from .inputs import Fields, one_line, parse_json, present, read_bytes, read_json_object

GENERIC_CLASSES = ("TokenizersBackend", "PreTrainedTokenizerFast")
"""Declared ``tokenizer_class`` values that mean: tokenizer.json and nothing else."""


@dataclass(frozen=True)
class ModelTokenizer:
    """``reference`` as in training; ``page`` and its ``content`` (the bytes of tokenizer.json) as in the browser."""

    reference: PreTrainedTokenizerBase
    page: Tokenizer
    content: bytes

    @classmethod
    def open(cls, folder: Path, vocab_size: int) -> ModelTokenizer:
        """Load the tokenizer of a checkpoint.

        Raises:
            InputError: tokenizer.json is missing or damaged, or names ids that the model's embedding does not have.
        """
        path = folder / "tokenizer.json"
        content = read_bytes(path)
        description = _description(content, path)
        if description.get("truncation") or description.get("padding"):
            # A leftover of training: web-llm would cut or pad every message.
            content = json.dumps({**description, "truncation": None, "padding": None}, ensure_ascii=False).encode()
        try:
            page = Tokenizer.from_buffer(content)
        except BaseException as error:
            raise _unloadable(path, error) from error
        try:
            reference = _reference(folder)
        except BaseException as error:
            raise _unloadable(folder, error) from error
        highest = max(page.get_vocab(with_added_tokens=True).values(), default=-1)
        if highest >= vocab_size:
            raise InputError(
                f"{path}: the tokenizer has ids up to {highest}, but config.json says vocab_size {vocab_size}: "
                "tokenizer and model do not belong together"
            )
        return cls(reference, page, content)

    def encode(self, text: str) -> list[int]:
        """Token ids as web-llm computes them."""
        return self.page.encode(text, add_special_tokens=False).ids

    def special_tokens(self) -> list[str]:
        """Texts that are one token wherever they occur, longest first."""
        added = self.page.get_added_tokens_decoder().values()
        return sorted((token.content for token in added), key=lambda text: (-len(text), text))

    def info(self) -> dict[str, Any]:
        """``tokenizer_info`` of mlc-chat-config.json, by which web-llm reads tokens under a grammar."""
        description = json.loads(self.content)
        decoders = _parts(description.get("decoder"), "decoders")
        normalizers = _parts(description.get("normalizer"), "normalizers")
        pre_tokenizers = _parts(description.get("pre_tokenizer"), "pretokenizers")
        kinds = {part["type"] for part in decoders}
        if "ByteLevel" in kinds:
            method = "byte_level"
        elif kinds & {"ByteFallback", "Metaspace"}:
            method = "byte_fallback"
        else:
            method = "raw"
        prepends = any(part["type"] == "Prepend" for part in normalizers) or any(
            part["type"] == "Metaspace" and part.get("prepend_scheme", "always") != "never" for part in pre_tokenizers
        )
        strips = any(part["type"] == "Strip" and part.get("start", 0) > 0 for part in decoders) or any(
            part["type"] == "Metaspace" and part.get("prepend_scheme", "always") != "never" for part in decoders
        )
        return {
            "token_postproc_method": method,
            "prepend_space_in_encode": prepends,
            "strip_space_in_decode": strips,
        }


def _description(content: bytes, path: Path) -> dict[str, Any]:
    try:
        value = parse_json(content.decode("utf-8"), path)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: byte {error.start}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value


def _unloadable(where: Path, error: BaseException) -> BaseException:
    """What to raise instead: the library raises bare Exception, and PanicException, which is not even one."""
    panicked = type(error).__name__ == "PanicException"
    if isinstance(error, InputError) or not (isinstance(error, Exception) or panicked):
        return error
    return InputError(f"{where}: the tokenizer cannot be loaded: {one_line(error)}")


def _reference(folder: Path) -> PreTrainedTokenizerBase:
    # AutoTokenizer of transformers 5 puts a family's own pre-tokenizer (Qwen2's, say) in place of tokenizer.json's,
    # even where tokenizer_config.json declares the generic class.
    declared = folder / "tokenizer_config.json"
    generic = False
    if present(declared):
        generic = Fields(read_json_object(declared), declared).text("tokenizer_class", "") in GENERIC_CLASSES
    loader = PreTrainedTokenizerFast if generic else AutoTokenizer
    return loader.from_pretrained(folder, trust_remote_code=False)


def _parts(component: dict[str, Any] | None, key: str) -> list[dict[str, Any]]:
    """A tokenizer.json component as a flat list, whether it is one step or a sequence."""
    if not component:
        return []
    if component["type"] == "Sequence":
        return [part for child in component[key] for part in _parts(child, key)]
    return [component]
