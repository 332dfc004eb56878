"""What a long command tells its user: the stage, and within it bytes, speed and time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tqdm import tqdm


class Progress:
    """Writes stages and progress bars to a stream; bars only where a person watches."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet

    def say(self, message: str) -> None:
        """Print one line."""
        if not self._quiet:
            print(message, file=self._stream, flush=True)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announce a stage, and how long it took when it ends well."""
        self.say(f"{name} ...")
        start = time.monotonic()
        yield
        self.say(f"{name}: {time.monotonic() - start:.1f} s")

    @contextmanager
    def bytes(self, name: str, total: int) -> Iterator[tqdm]:
        """A bar that counts up to ``total`` bytes by its ``update``; it shows speed and time left."""
        bar = tqdm(
            total=total,
            desc=name,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            file=self._stream,
            disable=True if self._quiet else None,
            leave=False,
        )
        with bar:
            yield bar

    @contextmanager
    def count(self, name: str, total: int) -> Iterator[tqdm]:
        """A bar that counts up to ``total`` things by its ``update``."""
        bar = tqdm(total=total, desc=name, file=self._stream, disable=True if self._quiet else None, leave=False)
        with bar:
            yield bar
