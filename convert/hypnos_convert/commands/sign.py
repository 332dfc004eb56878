"""``sign``: let the page prove who made a package."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..signing import sign
from .arguments import text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package", type=Path, metavar="DIR", help="a finished package")
    parser.add_argument("--key", type=Path, required=True, metavar="FILE", help="private Ed25519 key (PEM)")
    parser.add_argument("--new-key", action="store_true", help="make the key first")
    parser.add_argument("--trust", type=Path, metavar="FILE", help="add the public key to this trusted-keys.json")
    parser.add_argument("--name", type=text, default="Hypnos", help="whose key it is, shown by the page (with --trust)")


def run(args: argparse.Namespace) -> None:
    public = sign(args.package, args.key, new_key=args.new_key, trust_file=args.trust, name=args.name)
    print(f"signed {args.package} with public key {public}")
