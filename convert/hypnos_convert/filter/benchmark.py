"""Questions of a benchmark folder, for the check that none of them is trained on."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..journal import read_lines


def read_questions(folder: Path) -> dict[str, str]:
    """Text of every item by id: all ``*.jsonl`` directly in the folder, fields ``id`` and ``question``.

    Raises:
        InputError: no such folder, no items, or one without these fields; the message gives file and record.
    """
    if not folder.is_dir():
        raise InputError(f"filter.benchmark: {folder} is no folder")
    questions: dict[str, str] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, item in enumerate(read_lines(path), start=1):
            for name in ("id", "question"):
                if not isinstance(item.get(name), str) or not item[name]:
                    raise InputError(f"{path}: record {number}: {name}: expected a text")
            questions[item["id"]] = item["question"]
    if not questions:
        raise InputError(f"filter.benchmark: {folder} holds no items (*.jsonl)")
    return questions
