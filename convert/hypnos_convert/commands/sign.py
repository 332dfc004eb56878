"""``sign``: let the page prove who made a package."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..signing import create_key, sign, trust


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package", type=Path, metavar="DIR", help="a finished package")
    parser.add_argument("--key", type=Path, required=True, metavar="FILE", help="private Ed25519 key (PEM)")
    parser.add_argument("--new-key", action="store_true", help="make the key first")
    parser.add_argument("--trust", type=Path, metavar="FILE", help="add the public key to this trusted-keys.json")
    parser.add_argument("--name", default="Hypnos", help="whose key it is, shown by the page (with --trust)")


def run(args: argparse.Namespace) -> None:
    if args.new_key:
        create_key(args.key)
    public = sign(args.package, args.key)
    if args.trust is not None:
        trust(args.trust, args.name, public)
    print(f"signed {args.package} with public key {public}")
