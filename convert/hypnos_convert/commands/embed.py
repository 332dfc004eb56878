"""``embed``: put the scores of an evaluation into the package that was evaluated."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import InputError
from ..evaluate.result import package_evaluation, read_result
from ..manifest import MANIFEST_NAME, SIGNATURE_NAME, encode, verify
from ..staging import replacing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("package", type=Path, metavar="DIR", help="a finished package")
    parser.add_argument("result", type=Path, metavar="RESULT", help="folder that `evaluate` made of this package")


def run(args: argparse.Namespace) -> None:
    folder, manifest = args.package, verify(args.package)
    result = read_result(args.result)
    identity = result.about["target"]["identity"]
    scored = identity.get("files") if isinstance(identity, dict) else None
    files = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    if not isinstance(scored, dict) or not scored or any(files.get(path) != digest for path, digest in scored.items()):
        raise InputError(f"{args.result} is not about {folder}: evaluate --target {folder} makes its scores")
    if (folder / SIGNATURE_NAME).exists():
        raise InputError(
            f"{folder} is signed, and scores change what is signed: remove {SIGNATURE_NAME}, sign it again"
        )
    # Their weights and libraries stay, so they are still the files that were scored.
    with replacing(
        folder / MANIFEST_NAME,
        encode({**manifest, "evaluation": package_evaluation(result.about)}),
        beside=folder.resolve().with_name(f".{folder.resolve().name}.manifest.tmp"),
    ):
        pass
    print(f"{folder}: {MANIFEST_NAME} has the scores of {args.result}")
