"""``run`` and the stages alone: a YAML in, a run's folder out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from ..config import load_config
from ..pipeline import configured_stages, open_run, run_stages
from ..progress import Progress
from ..runs import STAGES
from .arguments import add_quiet_argument


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """The YAML, --folder and --quiet."""
    parser.add_argument("recipe", type=Path, metavar="YAML", help="configuration of the run")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="of the run (default: runs/NAME beside the YAML)")
    add_quiet_argument(parser)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_arguments(parser)
    parser.add_argument("--until", choices=STAGES, metavar="STAGE", help=f"stop after one of {', '.join(STAGES)}")


def run(args: argparse.Namespace) -> None:
    config = load_config(args.recipe)
    stages = configured_stages(config)
    if args.until:
        stages = [stage for stage in stages if STAGES.index(stage) <= STAGES.index(args.until)]
    run_stages(config, open_run(config, args.recipe, args.folder, Progress(quiet=args.quiet)), stages)


def alone(stage: str) -> Callable[[argparse.Namespace], None]:
    """The ``run`` function of a command for one stage."""

    def run_alone(args: argparse.Namespace) -> None:
        config = load_config(args.recipe)
        run_stages(config, open_run(config, args.recipe, args.folder, Progress(quiet=args.quiet)), [stage])

    return run_alone
