"""``compile``: one model library, without weights or chat configuration."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ..errors import OutputError
from ..package import TARGETS, Model, compile_model
from ..progress import Progress
from ..staging import check_writable, make_folder
from .arguments import add_cache_argument, add_model_arguments, add_quiet_argument, model_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="new .wasm file")
    parser.add_argument("--target", choices=TARGETS, default="gpu", help="kind of device (default %(default)s)")
    add_cache_argument(parser)
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> None:
    if os.path.lexists(args.out):
        raise OutputError(f"{args.out} exists already; choose another --out or remove it first")
    progress = Progress(quiet=args.quiet)
    model = Model.open(model_options(args))
    make_folder(args.out.parent)
    check_writable(args.out.parent)
    report = compile_model(model, args.target, args.out, args.cache, progress)
    needs = ", ".join(report.requires.features) or "no optional features"
    progress.say(
        f"{args.out}: {report.bytes} bytes, {report.shader_modules} shader modules, "
        f"{report.dispatches_per_token} dispatches per token, {report.requires.vram_mb} MiB of GPU memory, {needs}; "
        f"{report.seconds:.0f} s"
    )
