"""What every command must do with inputs that are damaged, foreign or malicious."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hypnos_convert.__main__ import main


def one_line(capsys: pytest.CaptureFixture[str], argv: list[object], code: int) -> str:
    """The one line on stderr with which a command refuses."""
    capsys.readouterr()
    assert main([str(word) for word in argv]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert len(printed.err.splitlines()) == 1, printed.err
    assert len(printed.err) < 1200
    assert "internal error" not in printed.err
    return printed.err


def open_files(folder: Path) -> list[str]:
    """Files below a folder that this process holds open, and with them any lock on them."""
    paths = []
    for descriptor in os.listdir("/proc/self/fd"):
        try:
            paths.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        except FileNotFoundError:
            continue  # The one that lists the folder.
    return [path for path in paths if path.startswith(f"{folder}/")]
