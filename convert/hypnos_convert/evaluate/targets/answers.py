"""A file of answers made elsewhere: ``{"id": ..., "text": ...}``, with ``finish_reason`` and ``letters`` if known."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ...errors import InputError
from ...journal import read_lines
from ..metrics import Answer
from .base import Request, Target


class AnswersTarget(Target):
    """An item without a line counts as not answered.

    Raises:
        InputError: a line is malformed; file, line and field are named.
    """

    kind = "answers"

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.name = name or path.stem
        self.identity = {"kind": self.kind, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        self._answers: dict[str, Answer] = {}
        for number, line in enumerate(read_lines(path), 1):
            for field in ("id", "text"):
                if not isinstance(line.get(field), str):
                    raise InputError(f"{path}:{number}: {field}: a string is needed")
            self._answers[line["id"]] = Answer(line["text"], line.get("finish_reason"), line.get("letters"))

    async def answer(self, request: Request) -> Answer:
        return self._answers.get(request.item_id, Answer("", "missing"))
