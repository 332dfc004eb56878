"""``python -m hypnos_convert COMMAND``: one command per stage.

Exit codes: 0 done; 1 a fault of this program; 2 wrong usage; 3 unsuitable input; 4 the output cannot be written;
5 a package does not match its manifest; 6 an endpoint cannot be used; 7 not enough memory; 130 interrupted; 141 nobody
reads what it prints; 143 ended by SIGTERM.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from . import __version__
from .errors import ConvertError, OutputError

COMMANDS = {
    "run": (
        "hypnos_convert.commands.stages",
        "make a Hypnos: every stage of a YAML, from generating data to a package",
    ),
    "generate": ("hypnos_convert.commands.generate", "write instruction data with LLMs (Self-Instruct)"),
    "filter": ("hypnos_convert.commands.filter", "let other LLMs score the data, and keep what is good"),
    "train": ("hypnos_convert.commands.train", "fine-tune from general to specific"),
    "merge": ("hypnos_convert.commands.merge", "merge the last adapter into a checkpoint"),
    "ablations": ("hypnos_convert.commands.ablations", "compare runs that differ in one thing"),
    "quantization-loss": ("hypnos_convert.commands.quantization_loss", "compare a run's package with its checkpoint"),
    "inspect": ("hypnos_convert.commands.inspect", "tell what the folder of a run holds"),
    "package": ("hypnos_convert.commands.package", "make a model package from a Hugging Face checkpoint"),
    "quantize": ("hypnos_convert.commands.quantize", "write the quantised weights alone"),
    "compile": ("hypnos_convert.commands.compile", "compile one model library alone"),
    "verify": ("hypnos_convert.commands.verify", "check every file of a package against its manifest"),
    "sign": ("hypnos_convert.commands.sign", "sign a package, so that the page can tell who made it"),
    "index": ("hypnos_convert.commands.index", "list the packages of a folder for the page that serves it"),
    "evaluate": ("hypnos_convert.commands.evaluate", "score a model on the benchmark, or on items of your own"),
    "compare": ("hypnos_convert.commands.compare", "test whether two results differ"),
    "embed": ("hypnos_convert.commands.embed", "put the scores of an evaluation into its package"),
    "judge": ("hypnos_convert.commands.judge", "let language models judge the open answers"),
    "human": ("hypnos_convert.commands.human", "forms for human raters, and what they say"),
    "contamination": ("hypnos_convert.commands.contamination", "check that training has not seen benchmark items"),
    "report": ("hypnos_convert.commands.report", "one page with all scores"),
    "bench": ("hypnos_convert.bench", "measure size and speed of compiled libraries"),
}
"""Name, module and summary. A module has ``add_arguments(parser)`` and ``run(args)``; it is imported only when its
command is called, so that one stage does not need another's dependencies."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code; an error becomes one message, not a traceback."""
    argv = sys.argv[1:] if argv is None else list(argv)
    debug = "--debug" in argv
    try:
        with _ending_on_sigterm():
            args = _parse(argv)
            code = args.run(args) or 0
            return _flushed(code)
    except _Terminated:
        print("ended by a signal; the same command goes on where it stopped", file=sys.stderr)
        return 143
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where it stopped", file=sys.stderr)
        return 130
    except ConvertError as error:
        return _fail(error, error.exit_code, debug)
    except BrokenPipeError:
        _abandon_stdout()
        return 141
    except OSError as error:
        place = "the result cannot be written" if error.filename is None else error.filename
        return _fail(f"{place}: {error.strerror or error}", 4, debug)
    except ModuleNotFoundError as error:
        return _fail(f"{error.name} is not installed; pip install 'hypnos-convert[data,train,evaluate]'", 3, debug)
    except Exception as error:
        return _fail(f"internal error: {type(error).__name__}: {error} (--debug shows where)", 1, debug)


class _Terminated(BaseException):
    """SIGTERM: unwinds like Ctrl-C, so that temporary files are removed and what is finished is kept."""


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    def end(_number: int, _frame: object) -> None:
        # A second one must not disturb the clearing up.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise _Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _flushed(code: int) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _abandon_stdout()
        raise OutputError(f"the result cannot be written: {error.strerror}") from error
    return code


def _abandon_stdout() -> None:
    """Or the interpreter would try once more at its end, and complain in its own words."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(error: object, code: int, debug: bool) -> int:
    if debug:
        raise
    print(f"error: {error}", file=sys.stderr)
    return code


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="hypnos_convert", description="Make Hypnos model packages.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    called = next((word for word in argv if not word.startswith("-")), None)
    for name, (module_name, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        command.add_argument("--debug", action="store_true", help="show the traceback of an error")
        if name == called:
            _silence_libraries()
            module = importlib.import_module(module_name)
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser.parse_args(argv)


def _silence_libraries() -> None:
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    # Nothing here may look for a model on the network.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    # The commands have bars of their own.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


if __name__ == "__main__":
    sys.exit(main())
