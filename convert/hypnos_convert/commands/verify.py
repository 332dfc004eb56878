"""``verify``: is this package what its manifest says?"""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package", type=Path, metavar="DIR")


def run(args: argparse.Namespace) -> None:
    sealed = manifest.verify(args.package)
    total = sum(entry["bytes"] for entry in sealed["files"])
    print(f"{args.package}: {sealed['id']} {sealed['version']}, {len(sealed['files'])} files, {total} bytes, intact")
