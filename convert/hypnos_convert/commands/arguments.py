"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..compile.parameters import QUANTIZATIONS
from ..package import DEFAULT_CONTEXT, DEFAULT_PREFILL_CHUNK, DEFAULT_QUANTIZATION, ModelOptions


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """--model, --quantization, --context-window, --prefill-chunk."""
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="Hugging Face checkpoint folder")
    parser.add_argument(
        "--quantization",
        choices=list(QUANTIZATIONS),
        default=DEFAULT_QUANTIZATION,
        help="weight format (default %(default)s, which runs on every WebGPU adapter; f16 needs shader-f16)",
    )
    parser.add_argument(
        "--context-window",
        type=positive,
        metavar="N",
        help=f"most tokens of a conversation (default {DEFAULT_CONTEXT}, or what the checkpoint was trained on)",
    )
    parser.add_argument(
        "--prefill-chunk",
        type=positive,
        metavar="N",
        help=f"tokens prefilled at a time (default {DEFAULT_PREFILL_CHUNK}); less saves GPU memory",
    )


def add_output_argument(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=f"new folder for {what}")


def add_quiet_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="print errors only")


def add_cache_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="where compiled runtime objects are kept between runs"
    )


def model_options(args: argparse.Namespace) -> ModelOptions:
    return ModelOptions(args.model, args.quantization, args.context_window, args.prefill_chunk)


def positive(text: str) -> int:
    """A whole number of at least 1.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number") from None
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def text(word: str) -> str:
    """A text for people to read, of at least one character.

    Raises:
        argparse.ArgumentTypeError: it is empty, or not in the terminal's encoding.
    """
    try:
        word.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{word!a} is not UTF-8 text") from None
    if not word.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return word
