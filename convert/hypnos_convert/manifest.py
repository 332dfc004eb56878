"""``hypnos-package.json``: the last file of a package, which names every other one with its size and SHA-256.

``schema/hypnos-package.schema.json`` defines it, for this writer and for the page that reads it; ``check`` adds the few
rules between fields that JSON Schema cannot express.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend

from .errors import InputError, PackageError
from .inputs import one_line, present, read_json_object, reading, shown
from .staging import hash_file

MANIFEST_NAME = "hypnos-package.json"
FORMAT = "hypnos-package/1"
SIGNATURE_NAME = "hypnos-package.sig"
"""Of the manifest, so it cannot be listed in it."""

REQUIRED_FILES = ("mlc-chat-config.json", "tensor-cache.json", "tokenizer.json")
"""What web-llm asks for by name."""

WEB_LLM_VERSION = "0.2.86"
"""The @mlc-ai/web-llm release whose interface libraries are linked for."""


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of the manifest (draft 2020-12)."""
    return json.loads(resources.files(__package__).joinpath("schema/hypnos-package.schema.json").read_text("utf-8"))


def check(manifest: Any) -> None:
    """Check a parsed manifest against the schema and the rules between its fields.

    Raises:
        PackageError: the first thing that is wrong, with its place.
    """
    error = best_match(_Validator(schema()).iter_errors(manifest))
    if error is not None:
        place = "/".join(map(str, error.absolute_path)) or "the document"
        raise PackageError(f"{MANIFEST_NAME}: {place}: {one_line(error.message)}")
    for problem in _inconsistencies(manifest):
        raise PackageError(f"{MANIFEST_NAME}: {problem}")


def check_evaluation(value: Any, where: object) -> None:
    """Check what will become a manifest's ``evaluation``.

    Raises:
        InputError: it does not fit the schema; the message begins with ``where``.
    """
    error = best_match(_Validator(schema()["properties"]["evaluation"]).iter_errors(value))
    if error is not None:
        place = "/".join(map(str, error.absolute_path)) or "the document"
        raise InputError(f"{where}: {place}: {one_line(error.message)}")


def encode(manifest: Mapping[str, Any]) -> bytes:
    """Check and serialise a manifest.

    Raises:
        InputError: a value given by the user (id, version, provenance, ...) does not fit the schema.
    """
    try:
        check(manifest)
    except PackageError as error:
        raise InputError(str(error)) from error
    return to_json(manifest)


def to_json(value: Any) -> bytes:
    """Readable UTF-8 JSON; the same value always gives the same bytes."""
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def verify(folder: str | Path) -> dict[str, Any]:
    """Check a package: its manifest, and the size and SHA-256 of every file.

    A package holds plain files in plain folders: a symbolic link is refused wherever it leads, because what it stands
    for may lie outside and change, or be gone where the folder is copied to.

    Returns:
        The manifest.

    Raises:
        PackageError: what is wrong, all damaged, missing, unreadable and unlisted files named.
    """
    folder = Path(folder)
    try:
        with reading(folder):
            if not folder.is_dir():
                raise PackageError(f"{folder}: no such folder")
        if not present(folder / MANIFEST_NAME):
            raise PackageError(f"{folder}: no {MANIFEST_NAME}, so this is no finished package")
        manifest = read_json_object(folder / MANIFEST_NAME)
    except InputError as error:
        raise PackageError(str(error)) from error
    try:
        check(manifest)
    except PackageError as error:
        raise PackageError(f"{folder}: {error}") from None
    problems = list(_file_problems(folder, manifest["files"]))
    if problems:
        raise PackageError(f"{folder} does not match its manifest:\n  " + "\n  ".join(problems))
    return manifest


def _is_number(_checker: Any, value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, (int, float)) and math.isfinite(value)


def _is_integer(_checker: Any, value: Any) -> bool:
    # JSON Schema also takes 1.0 for an integer; a count of bytes is never written so.
    return not isinstance(value, bool) and isinstance(value, int)


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    # JSON Schema's patterns are JavaScript's, where $ is the very end; Python's $ lets a line feed follow.
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance):
        yield ValidationError(f"{shown(instance)} does not match {pattern!r}")


_Validator = extend(
    Draft202012Validator,
    {"pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number}),
)


def _file_problems(folder: Path, files: list[dict[str, Any]]) -> Iterator[str]:
    listed = {entry["path"]: entry for entry in files}
    met: set[str] = set()
    for path, problem in _walk(folder):
        met.add(path)
        entry = listed.get(path)
        if problem is not None:
            yield f"{_printable(path)}: {problem}"
        elif entry is not None:
            wrong = _difference(folder, entry)
            if wrong is not None:
                yield f"{path}: {wrong}"
        elif path not in (MANIFEST_NAME, SIGNATURE_NAME):
            yield f"{_printable(path)}: not listed"
    for path in listed:
        if path not in met:
            yield f"{path}: missing"


def _walk(root: Path) -> Iterator[tuple[str, str | None]]:
    """Path of everything but plain folders, sorted, and what keeps it from being a plain file."""
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        try:
            with os.scandir(root / inside) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            yield inside or ".", f"cannot be read: {error.strerror}"
            continue
        for entry in entries:
            path = f"{inside}{entry.name}"
            if entry.is_symlink():
                yield path, f"a symbolic link (to {_printable(os.readlink(entry.path))}); a package holds plain files"
            elif entry.is_dir():
                waiting.append(f"{path}/")
            elif entry.is_file():
                yield path, None
            else:
                yield path, "neither a file nor a folder"


def _difference(folder: Path, entry: Mapping[str, Any]) -> str | None:
    try:
        size = (folder / entry["path"]).stat().st_size
        if size != entry["bytes"]:
            return f"{size} bytes instead of {entry['bytes']}"
        if hash_file(folder, entry["path"]).sha256 != entry["sha256"]:
            return "content changed (SHA-256 differs)"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None


def _printable(name: str) -> str:
    return name if name.isprintable() else ascii(name)


def _inconsistencies(manifest: Mapping[str, Any]) -> Iterator[str]:
    paths = [entry["path"] for entry in manifest["files"]]
    # Two names that differ by case are one file on Windows and macOS.
    for path, count in Counter(path.lower() for path in paths).items():
        if count > 1:
            yield f"files: {path} is listed {count} times"
    folded = {path.lower() for path in paths}
    if MANIFEST_NAME in folded:
        yield f"files: {MANIFEST_NAME} cannot list itself"
    for path in paths:
        for folder in PurePosixPath(path.lower()).parents:
            if str(folder) in folded:
                yield f"files: {folder} is a file and a folder"
    for required in REQUIRED_FILES:
        if required not in paths:
            yield f"files: {required} is not listed"
    for library in manifest["libraries"]:
        if library["path"] not in paths:
            yield f"libraries: {library['path']} is not among the files"
