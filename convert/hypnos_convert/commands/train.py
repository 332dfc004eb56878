"""``train``: that stage of a run alone."""

from __future__ import annotations

from .stages import add_run_arguments, alone

add_arguments = add_run_arguments
run = alone("train")
