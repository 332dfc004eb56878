"""What a target is."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from ...endpoint import Message
from .. import prompts
from ..items import Item
from ..metrics import Answer


@dataclass(frozen=True)
class Request:
    """One question to a target.

    ``letters`` are the options whose likelihood as the next token after ``prompts.LETTER_PREFIX`` is wanted too; empty
    where it is not. Decoding is greedy everywhere.
    """

    item_id: str
    messages: Sequence[Message]
    max_tokens: int
    letters: tuple[str, ...] = ()

    @classmethod
    def of(cls, item: Item, max_tokens: int | None = None) -> Request:
        single = item.kind == "anecq" and item.data["type"] == "single"
        return cls(
            item.id,
            prompts.messages(item),
            max_tokens or prompts.MAX_TOKENS[item.kind],
            tuple(sorted(item.data["options"])) if single else (),
        )

    def key(self, identity: Any) -> str:
        """SHA-256 over all that decides the answer: the target, the item and its wording, the parameters."""
        content = [identity, self.item_id, self.messages, self.max_tokens, self.letters, prompts.LETTER_PREFIX]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


class Target(ABC):
    """Something that answers. An asynchronous context manager: models are loaded on entry.

    Attributes:
        name: what reports call it.
        kind: ``package``, ``huggingface``, ``endpoint`` or ``answers``.
        identity: JSON value that changes whenever its answers may.
        concurrency: how many requests may be under way.
    """

    name: str
    kind: str
    identity: Any
    concurrency: int = 1

    async def __aenter__(self) -> Target:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    @abstractmethod
    async def answer(self, request: Request) -> Answer:
        """Answer one request.

        Raises:
            ConvertError: the target fails as a whole; a question that is too long for it has an empty answer instead.
        """
