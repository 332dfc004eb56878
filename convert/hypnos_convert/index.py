"""``index.json`` of a folder of packages: what the page offers, and which package it opens first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from . import manifest
from .errors import InputError, PackageError
from .inputs import read_json_object

INDEX_NAME = "index.json"
FORMAT = "hypnos-index/1"


def write_index(models: Path, default: str | None = None) -> dict[str, Any]:
    """Verify every package in a subfolder of ``models`` and list them; the file changes in one step or not at all.

    Args:
        default: id of the package that the page opens first; by default the one named so far, else the first.

    Returns:
        The content of index.json.

    Raises:
        PackageError: a package is damaged, or two have the same id.
        InputError: there is no package, or none of id ``default``.
    """
    if not models.is_dir():
        raise InputError(f"{models}: no such folder")
    folders = sorted(folder for folder in models.iterdir() if (folder / manifest.MANIFEST_NAME).exists())
    found: dict[str, Path] = {}
    for folder in folders:
        package_id = manifest.verify(folder)["id"]
        if package_id in found:
            raise PackageError(f"{folder} and {found[package_id]} both hold package {package_id}")
        found[package_id] = folder
    if not found:
        raise InputError(f"{models}: no subfolder holds a package")
    if default is not None and default not in found:
        raise InputError(f"{models}: no package {default}; there are {', '.join(found)}")
    index = {
        "format": FORMAT,
        "default": default or _current_default(models, found) or next(iter(found)),
        "packages": [{"id": package_id, "path": f"{folder.name}/"} for package_id, folder in found.items()],
    }
    temporary = models / f".{INDEX_NAME}.tmp"
    temporary.write_bytes(manifest.to_json(index))
    os.replace(temporary, models / INDEX_NAME)
    return index


def _current_default(models: Path, found: dict[str, Path]) -> str | None:
    try:
        named = read_json_object(models / INDEX_NAME).get("default")
    except InputError:
        return None
    return named if named in found else None
