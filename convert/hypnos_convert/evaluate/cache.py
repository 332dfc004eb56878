"""Answers on the disk the moment they arrive, by the key of their request, one file per target.

This is the one place that keeps answers to private items; the folder stays where the items are.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from ..journal import Journal
from .metrics import Answer
from .metrics.base import are_letters
from .targets import Request


class AnswerCache:
    """Context manager around the file of a target, by its name and identity.

    Raises:
        OutputError: another run holds it, or the disk is full.
    """

    def __init__(self, folder: Path, name: str, identity: Any) -> None:
        digest = hashlib.sha256(json.dumps(identity, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:48] or "target"
        self._identity = identity
        self._journal = Journal(folder / f"{slug}-{digest[:12]}.answers.jsonl")
        self._answers: dict[str, Answer] = {}

    def __enter__(self) -> AnswerCache:
        with ExitStack() as opened:
            opened.enter_context(self._journal)
            for line in self._journal.lines:
                key, text, reason, letters = (line.get(name) for name in ("key", "text", "finish_reason", "letters"))
                # What is no answer of ours is as good as absent: the item is asked again.
                if (
                    isinstance(key, str)
                    and isinstance(text, str)
                    and (reason is None or isinstance(reason, str))
                    and (letters is None or are_letters(letters))
                ):
                    self._answers[key] = Answer(text, reason, letters)
            opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._journal.__exit__(kind, error, trace)

    def find(self, request: Request) -> Answer | None:
        return self._answers.get(request.key(self._identity))

    def enter(self, request: Request, answer: Answer) -> None:
        key = request.key(self._identity)
        letters = dict(answer.letters) if answer.letters else None
        self._journal.append(
            {
                "key": key,
                "id": request.item_id,
                "text": answer.text,
                "finish_reason": answer.finish_reason,
                "letters": letters,
            }
        )
        self._answers[key] = answer
