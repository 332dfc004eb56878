"""``quantize``: the weight shards and their index, without libraries or chat configuration."""

from __future__ import annotations

import argparse

from ..package import make_weights
from ..progress import Progress
from .arguments import add_model_arguments, add_output_argument, add_quiet_argument, model_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser)
    add_output_argument(parser, "the weights")
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> None:
    make_weights(model_options(args), args.out, Progress(quiet=args.quiet))
