"""``hypnos-package.json``: the last file of a package, which names every other one with its size and SHA-256.

``schema/hypnos-package.schema.json`` defines it, for this writer and for the page that reads it; ``check`` adds the few
rules between fields that JSON Schema cannot express.
"""

from __future__ import annotations

import json
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
from .inputs import read_json_object
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
        raise PackageError(f"{MANIFEST_NAME}: {place}: {error.message}")
    for problem in _inconsistencies(manifest):
        raise PackageError(f"{MANIFEST_NAME}: {problem}")


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

    Returns:
        The manifest.

    Raises:
        PackageError: what is wrong, all damaged, missing and unlisted files named.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise PackageError(f"{folder}: no such folder")
    if not (folder / MANIFEST_NAME).exists():
        raise PackageError(f"{folder}: no {MANIFEST_NAME}, so this is no finished package")
    try:
        manifest = read_json_object(folder / MANIFEST_NAME)
    except InputError as error:
        raise PackageError(str(error)) from error
    check(manifest)
    problems = list(_file_problems(folder, manifest["files"]))
    if problems:
        raise PackageError(f"{folder} does not match its manifest:\n  " + "\n  ".join(problems))
    return manifest


def _pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    # JSON Schema's patterns are JavaScript's, where $ is the very end; Python's $ lets a line feed follow.
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Validator = extend(Draft202012Validator, {"pattern": _pattern})


def _file_problems(folder: Path, files: list[dict[str, Any]]) -> Iterator[str]:
    listed = {entry["path"]: entry for entry in files}
    for path, entry in listed.items():
        file = folder / path
        if not file.is_file():
            yield f"{path}: missing"
        elif file.stat().st_size != entry["bytes"]:
            yield f"{path}: {file.stat().st_size} bytes instead of {entry['bytes']}"
        elif hash_file(folder, path).sha256 != entry["sha256"]:
            yield f"{path}: content changed (SHA-256 differs)"
    for file in sorted(folder.rglob("*")):
        path = file.relative_to(folder).as_posix()
        if not file.is_dir() and path not in listed and path not in (MANIFEST_NAME, SIGNATURE_NAME):
            yield f"{path}: not listed"


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
