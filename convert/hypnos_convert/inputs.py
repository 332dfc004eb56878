"""Reading what others made: files that may be missing, unreadable, huge, or not what their name says.

Every failure is an ``InputError`` that names the file and the reason; what a file holds is typed at this boundary, so
that no later step has to guess:

    path --read_bytes/read_text--> text --parse_json--> strict JSON value --Fields--> typed, bounded entries
"""

from __future__ import annotations

import json
import math
import os
import re
import reprlib
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from .errors import InputError

TEXT_BYTES = 256 << 20
"""Most bytes of a file that is read as a whole: larger than any tokenizer.json, small enough for any machine."""

MAX_DEPTH = 100
"""Deepest nesting of a JSON file: far above what configurations need, far below what overflows a parser's stack."""

T = TypeVar("T")


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Turn any ``OSError`` of the block into an InputError that names ``path`` and the reason."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path} cannot be read: {_reason(Path(path), error)}") from error


def present(path: Path) -> bool:
    """Whether anything has that name, a link to nowhere included, so that reading it tells what is wrong.

    Raises:
        InputError: the folder cannot be searched.
    """
    with reading(path):
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True


def check_readable(path: Path) -> int:
    """Make sure that a regular file can be opened; returns its size in bytes.

    Raises:
        InputError: it cannot, or it is a folder, a pipe or a device.
    """
    with reading(path), open(_open_regular(path), "rb") as file:
        return os.fstat(file.fileno()).st_size


def read_bytes(path: Path, limit: int = TEXT_BYTES) -> bytes:
    """The content of a regular file.

    Raises:
        InputError: it is missing, cannot be read, is no regular file, or holds more than ``limit`` bytes.
    """
    if not present(path):
        raise InputError(f"{path} is missing")
    with reading(path), open(_open_regular(path), "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise InputError(f"{path} is larger than {limit >> 20} MiB, which no such file is")
    return content


def read_text(path: Path, limit: int = TEXT_BYTES) -> str:
    """The content of a UTF-8 file.

    Raises:
        InputError: as ``read_bytes``, or it is not UTF-8.
    """
    try:
        return read_bytes(path, limit).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}") from error


def parse_json(text: str, where: object) -> Any:
    """A JSON value, as ``strict_json``.

    Raises:
        InputError: it is none; the message begins with ``where``.
    """
    try:
        return strict_json(text)
    except ValueError as error:
        raise InputError(f"{where} is not valid JSON: {error}") from error


def strict_json(text: str) -> Any:
    """A JSON value (RFC 8259): no NaN or infinity, no half surrogate pairs, nested at most ``MAX_DEPTH`` deep.

    Raises:
        ValueError: it is none.
    """
    too_deep = f"nested too deeply: {MAX_DEPTH} levels are the limit"
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError:
        raise ValueError(too_deep) from None
    if _deeper_than(value, MAX_DEPTH):
        raise ValueError(too_deep)
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("a text holds half of a surrogate pair (\\ud800…)") from None
    return value


def read_json_object(path: Path) -> dict[str, Any]:
    """Parse a JSON file that must hold an object.

    Raises:
        InputError: the file is missing, cannot be read, is not UTF-8, not JSON, or holds something else.
    """
    value = parse_json(read_text(path), path)
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object, found {type(value).__name__}")
    return value


def shown(value: Any) -> str:
    """A value of someone else's for an error message: on one line, and short."""
    return _SHORT.repr(value)


def one_line(message: object, limit: int = 300) -> str:
    """Another program's message for an error message: on one line, and short."""
    text = " ".join(str(message).split())
    return text if len(text) <= limit else text[:limit] + " …"


class Fields:
    """Typed, bounded access to the entries of a JSON object.

    An entry that is absent or null takes the default; without one it is refused. Every complaint names the file, the
    entry, what it must be and what it is.
    """

    def __init__(self, value: Mapping[str, Any], where: object, error: type[InputError] = InputError) -> None:
        self.value = value
        self.where = where
        self._error = error

    def __contains__(self, key: str) -> bool:
        return self.value.get(key) is not None

    def refuse(self, key: str, wanted: str) -> NoReturn:
        """Say that an entry is not what it must be."""
        found = shown(self.value[key]) if key in self.value else "nothing"
        raise self._error(f"{self.where}: {key} must be {wanted}, found {found}")

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """An integer from ``low`` to ``high``."""
        value = self._get(key, default)
        if not _is_integer(value) or not low <= value <= high:
            self.refuse(key, f"an integer from {low} to {high}")
        return value

    def number(self, key: str, low: float, high: float, default: float | None = None, *, above: bool = False) -> float:
        """A number from ``low`` to ``high``; with ``above``, ``low`` itself is not one of them."""
        value = self._get(key, default)
        fits = not isinstance(value, bool) and isinstance(value, (int, float)) and low <= value <= high
        if not fits or (above and value == low):
            self.refuse(key, f"a number {'above' if above else 'from'} {low:g} {'and up ' if above else ''}to {high:g}")
        return float(value)

    def flag(self, key: str, default: bool = False) -> bool:
        """True or false."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            self.refuse(key, "true or false")
        return value

    def text(self, key: str, default: str | None = None, *, limit: int = 400) -> str:
        """A text of one to ``limit`` characters."""
        value = self._get(key, default)
        if not isinstance(value, str) or (key in self and not 1 <= len(value) <= limit):
            self.refuse(key, f"a text of 1 to {limit} characters")
        return value

    def texts(self, key: str, default: Sequence[str] | None = None, *, limit: int = 400) -> list[str]:
        """A list of texts of one to ``limit`` characters."""
        value = self._get(key, default)
        if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) and 0 < len(v) <= limit for v in value):
            self.refuse(key, f"a list of texts of 1 to {limit} characters")
        return list(value)

    def object(self, key: str, default: Mapping[str, Any] | None = None) -> Fields:
        """An object, with typed access to its own entries."""
        value = self._get(key, default)
        if not isinstance(value, Mapping):
            self.refuse(key, "an object")
        return Fields(value, f"{self.where}: {key}", self._error)

    def objects(self, key: str) -> list[Fields]:
        """A list of objects."""
        value = self._get(key, None)
        if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
            self.refuse(key, "a list of objects")
        return [Fields(entry, f"{self.where}: {key}/{index}", self._error) for index, entry in enumerate(value)]

    def integers(self, key: str) -> list[int]:
        """An integer or a list of integers, as a list; empty where the entry is absent."""
        value = self._get(key, ())
        listed = list(value) if isinstance(value, (list, tuple)) else [value]
        if not all(_is_integer(entry) for entry in listed):
            self.refuse(key, "an integer or a list of integers")
        return listed

    def _get(self, key: str, default: Any) -> Any:
        value = self.value.get(key)
        return default if value is None else value


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 60


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:20]} is too large a number")
    return value


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        inner: list[Any] = []
        for container in level:
            if isinstance(container, dict):
                inner += [entry for entry in container.values() if isinstance(entry, (dict, list))]
            elif isinstance(container, list):
                inner += [entry for entry in container if isinstance(entry, (dict, list))]
        if not inner:
            return False
        level = inner
    return True


def _open_regular(path: Path) -> int:
    # Looked at before it is opened: opening a pipe waits for a writer, and a device may do anything.
    if not stat.S_ISREG(os.stat(path).st_mode):
        kind = "a folder" if path.is_dir() else "no regular file"
        raise OSError(0, f"it is {kind}")
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def _reason(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return f"it is a link to {os.readlink(path)}, which does not exist"
    return error.strerror or one_line(error)
