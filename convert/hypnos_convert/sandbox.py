"""Runs a function of someone else's making (a chat template) where it can do no harm: bounded time, memory and output.

Jinja's sandbox keeps a template from the machine, but not from looping for hours or asking for all of its memory. So a
forked child answers the calls, under limits that the kernel enforces. Forked, not started anew: it has the very
libraries that are loaded here, in no time. The child runs nothing but the function, and one thread.

    caller --arguments--> pipe --> child: function under RLIMIT_CPU and RLIMIT_AS --> pipe --> text, or what went wrong
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Callable, Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

CPU_SECONDS = 10
"""Of all calls together; a well-behaved template takes milliseconds."""
MEMORY_BYTES = 512 << 20
"""On top of what the process has already. Where the kernel does not enforce it (macOS), the time still is."""
OUTPUT_CHARACTERS = 1 << 20
WAIT_SECONDS = 120
"""For a child that does not even use its processor time."""


class LimitError(Exception):
    """The function went beyond a limit; the message says which."""


class CallError(Exception):
    """The function raised something: ``kind`` is the name of the class."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@contextlib.contextmanager
def bounded(function: Callable[..., str]) -> Iterator[Callable[..., str]]:
    """A function that does what ``function`` does, in a child that lives as long as the block.

    Arguments must be picklable. Calls raise LimitError or CallError.
    """
    here, there = Pipe()
    child = os.fork()
    if child == 0:
        here.close()
        _serve(there, function)
    there.close()

    def call(*args: Any, **kwargs: Any) -> str:
        try:
            here.send((args, kwargs))
            if not here.poll(WAIT_SECONDS):
                raise LimitError(f"takes more than {WAIT_SECONDS} s")
            kind, text = here.recv()
        except (EOFError, OSError):
            raise LimitError(_end_of(child)) from None
        if kind == "limit":
            raise LimitError(text)
        if kind != "":
            raise CallError(kind, text)
        return text

    try:
        yield call
    finally:
        here.close()
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _end_of(child: int) -> str:
    try:
        _, status = os.waitpid(child, 0)
    except ChildProcessError:
        return "has ended before"
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGXCPU:
        return f"takes more than {CPU_SECONDS} s"
    return f"ended the process that ran it (status {code})"


def _serve(pipe: Connection, function: Callable[..., str]) -> None:
    """Answer calls until the other end is closed. Never returns."""
    try:
        # A Ctrl-C is for the caller, which then closes the pipe.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGXCPU):
            signal.signal(number, signal.SIG_DFL)
        # A crash must leave no image of the memory, which holds the caller's, too.
        _limit(resource.RLIMIT_CORE, 0)
        _limit(resource.RLIMIT_CPU, CPU_SECONDS)
        _limit(resource.RLIMIT_AS, _address_space() + MEMORY_BYTES)
        while True:
            args, kwargs = pipe.recv()
            pipe.send(_answer(function, args, kwargs))
    except BaseException:
        pass
    finally:
        # Not sys.exit: exit handlers and buffers are the caller's.
        os._exit(0)


def _answer(function: Callable[..., str], args: Any, kwargs: Any) -> tuple[str, str]:
    try:
        text = function(*args, **kwargs)
    except MemoryError:
        return "limit", f"needs more than {MEMORY_BYTES >> 20} MiB of memory"
    except RecursionError:
        return "limit", "calls itself without end"
    except Exception as error:
        return type(error).__name__, str(error)[:1000]
    if len(text) > OUTPUT_CHARACTERS:
        return "limit", f"writes more than {OUTPUT_CHARACTERS} characters"
    return "", text


def _limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(what, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _address_space() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 64 << 30
