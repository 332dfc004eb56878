"""What a watching person sees, and what a log file gets."""

from __future__ import annotations

import io

from hypnos_convert.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def show(stream: io.StringIO, *, quiet: bool = False) -> str:
    progress = Progress(stream, quiet=quiet)
    with progress.stage("weights"), progress.bytes("weights", 8 << 20) as bar:
        bar.update(2 << 20)
        bar.refresh()
        bar.update(6 << 20)
    return stream.getvalue()


def test_a_terminal_sees_bytes_speed_and_time_left():
    shown = show(Terminal())
    assert "2.00M/8.00M" in shown
    assert "B/s" in shown
    assert "25%" in shown
    assert "<00:" in shown  # time left, after the time taken


def test_a_log_gets_lines_only():
    lines = show(io.StringIO()).splitlines()
    assert lines[0] == "weights ..."
    assert lines[1].startswith("weights: ")
    assert len(lines) == 2


def test_quiet_is_quiet():
    assert show(Terminal(), quiet=True) == ""
