"""``index.json`` of a folder of packages: what the page offers, and which package it opens first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from . import manifest
from .errors import InputError, PackageError
from .inputs import present, read_json_object, reading, shown
from .staging import replacing

INDEX_NAME = "index.json"
FORMAT = "hypnos-index/1"
MOST = 256
"""Packages that the page takes in one index."""


def write_index(models: Path, default: str | None = None) -> dict[str, Any]:
    """Verify every package in a subfolder of ``models`` and list them; the file changes in one step or not at all.

    Hidden subfolders are passed over: those are packages in the making (``staging``).

    Args:
        default: id of the package that the page opens first; by default the one named so far, else the first.

    Returns:
        The content of index.json.

    Raises:
        PackageError: a package is damaged, or two have the same id.
        InputError: there is no package, more than the page takes, or none of id ``default``; a folder cannot be read,
            or its name cannot be part of an address.
        OutputError: index.json cannot be written.
    """
    with reading(models):
        if not models.is_dir():
            raise InputError(f"{models}: no such folder")
        visible = sorted(folder for folder in models.iterdir() if not folder.name.startswith("."))
    found: dict[str, Path] = {}
    for folder in (folder for folder in visible if present(folder / manifest.MANIFEST_NAME)):
        if not _ADDRESSABLE.fullmatch(folder.name):
            raise InputError(
                f"{models}: the page cannot load a package from the folder {shown(folder.name)}; rename it to Latin "
                "letters, digits, '.', '_' and '-'"
            )
        package_id = manifest.verify(folder)["id"]
        if package_id in found:
            raise PackageError(f"{folder} and {found[package_id]} both hold package {package_id}")
        found[package_id] = folder
    if not found:
        raise InputError(f"{models}: no subfolder holds a package")
    if len(found) > MOST:
        raise InputError(f"{models}: {len(found)} packages, but the page takes {MOST} at most; move some elsewhere")
    if default is not None and default not in found:
        raise InputError(f"{models}: no package {default}; there are {', '.join(found)}")
    index = {
        "format": FORMAT,
        "default": default or _current_default(models, found) or next(iter(found)),
        "packages": [{"id": package_id, "path": f"{folder.name}/"} for package_id, folder in found.items()],
    }
    with replacing(models / INDEX_NAME, manifest.to_json(index)):
        pass
    return index


_ADDRESSABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
"""Of src/packages/served.ts."""


def _current_default(models: Path, found: dict[str, Path]) -> str | None:
    try:
        named = read_json_object(models / INDEX_NAME).get("default")
    except InputError:
        return None
    return named if isinstance(named, str) and named in found else None
