"""Append-only JSONL files that survive SIGKILL.

Each line is written whole and flushed to the disk before the next step depends on it. A process killed within a write
leaves at most one torn last line, which the next opening cuts off; a malformed line anywhere else is not ours and is an
error. One process at a time holds the file.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from .errors import InputError, OutputError
from .inputs import read_text, strict_json

LINES_BYTES = 4 << 30
"""Most bytes of a JSONL file that is read as a whole."""


class Journal:
    """Context manager around an append-only file of JSON objects.

    Raises:
        OutputError: another process holds the file, or it cannot be written.
        InputError: a line other than the last is no JSON object.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.lines: list[dict[str, Any]] = []
        self._descriptor: int | None = None

    def __enter__(self) -> Journal:
        # Whatever goes wrong on the way, a lock that stays would shut out the next run of this process.
        with ExitStack() as opened:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
                opened.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                content = self.path.read_bytes()
                whole = content.rfind(b"\n") + 1
                if whole < len(content):
                    os.ftruncate(descriptor, whole)
            except BlockingIOError:
                raise OutputError(f"{self.path}: another run is writing it; wait for it, or stop it first") from None
            except OSError as error:
                raise OutputError(f"{self.path}: cannot be written: {error.strerror}") from error
            try:
                self.lines = list(parse_lines(content[:whole].decode("utf-8"), self.path))
            except UnicodeDecodeError as error:
                raise InputError(f"{self.path}: not UTF-8") from error
            opened.pop_all()
            self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def append(self, line: dict[str, Any]) -> None:
        """Add one object; when this returns it is on the disk.

        Raises:
            OutputError: the disk is full; what was written before is kept.
        """
        assert self._descriptor is not None, "the journal is not open"
        data = (json.dumps(line, ensure_ascii=False) + "\n").encode()
        start = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, data)
            if written < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, start)
            raise OutputError(
                f"{self.path}: {error.strerror}; finished work is kept, free some space and run the same command"
            ) from error
        self.lines.append(line)


def parse_lines(text: str, path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL text; empty lines are skipped.

    Raises:
        InputError: a line is no JSON object; the message gives file and line.
    """
    return (value for _, value in numbered_lines(text, path))


def numbered_lines(text: str, path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSONL text with the numbers of their lines; empty lines are counted, and skipped.

    Raises:
        InputError: a line is no JSON object; the message gives file and line.
    """
    # Not splitlines(): JSON strings may hold U+2028 and its like unescaped.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = strict_json(line)
        except ValueError as error:
            raise InputError(f"{path}:{number}: not JSON: {getattr(error, 'msg', error)}") from error
        if not isinstance(value, dict):
            raise InputError(f"{path}:{number}: expected a JSON object, found {type(value).__name__}")
        yield number, value


def record_files(path: Path) -> list[Path]:
    """The file itself, or all ``*.jsonl`` below a folder but hidden ones, in the order of their names."""
    if not path.is_dir():
        return [path]
    files = path.rglob("*.jsonl")
    return sorted(file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts))


def read_lines(path: Path) -> list[dict[str, Any]]:
    """All objects of a JSONL file.

    Raises:
        InputError: the file cannot be read, or a line is no JSON object.
    """
    return [value for _, value in read_numbered_lines(path)]


def read_numbered_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """All objects of a JSONL file with the numbers of their lines.

    Raises:
        InputError: the file cannot be read, or a line is no JSON object.
    """
    return numbered_lines(read_text(path, LINES_BYTES), path)
