"""Errors that a user can act on. Each says what is wrong, where, and what to do; the command line prints only that."""

from __future__ import annotations


class ConvertError(Exception):
    """Base of all errors meant for the user's eyes. ``exit_code`` is what the command line returns."""

    exit_code = 3


class InputError(ConvertError):
    """The checkpoint or another input is missing, damaged or of an unsupported kind."""


class TemplateError(InputError):
    """The chat template cannot be expressed in web-llm's terms; the message shows the difference."""


class OutputError(ConvertError):
    """The output cannot be written: the folder is in use, or the disk is full."""

    exit_code = 4


class PackageError(ConvertError):
    """A finished package does not match its manifest."""

    exit_code = 5
