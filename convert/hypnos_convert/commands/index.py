"""``index``: tell the page which packages a folder holds."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..index import write_index


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", type=Path, metavar="DIR", help="the folder that holds packages, one per subfolder")
    parser.add_argument("--default", metavar="ID", help="package that the page opens first")


def run(args: argparse.Namespace) -> None:
    index = write_index(args.models, args.default)
    for package in index["packages"]:
        print(f"{package['path']}  {package['id']}{'  (first)' if package['id'] == index['default'] else ''}")
