"""A file of answers made elsewhere: ``{"id": ..., "text": ...}``, with ``finish_reason`` and ``letters`` if known."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ...errors import InputError
from ...inputs import read_bytes, shown
from ...journal import LINES_BYTES, read_numbered_lines
from ..metrics import Answer
from ..metrics.base import are_letters
from .base import Request, Target


class AnswersTarget(Target):
    """An item without a line counts as not answered.

    Raises:
        InputError: a line is malformed; file, line and field are named.
    """

    kind = "answers"

    def __init__(self, path: Path, name: str | None = None) -> None:
        self.name = name or path.stem
        self.identity = {"kind": self.kind, "sha256": hashlib.sha256(read_bytes(path, LINES_BYTES)).hexdigest()}
        self._answers: dict[str, Answer] = {}
        lines: dict[str, int] = {}
        for number, line in read_numbered_lines(path):
            for field in ("id", "text"):
                if not isinstance(line.get(field), str):
                    raise InputError(f"{path}:{number}: {field}: a string is needed")
            reason, letters = line.get("finish_reason"), line.get("letters")
            if not (reason is None or isinstance(reason, str)):
                raise InputError(f"{path}:{number}: finish_reason: a string is needed, found {shown(reason)}")
            if not (letters is None or are_letters(letters)):
                raise InputError(
                    f"{path}:{number}: letters: the logarithm of a probability for letters from A to H is needed, "
                    f"found {shown(letters)}"
                )
            first = lines.setdefault(line["id"], number)
            if first != number:
                raise InputError(f"{path}:{number}: id: {shown(line['id'])} has an answer on line {first} already")
            self._answers[line["id"]] = Answer(line["text"], reason, letters)

    async def answer(self, request: Request) -> Answer:
        return self._answers.get(request.item_id, Answer("", "missing"))
