"""Lack of memory, told in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import ConvertError


class ResourceError(ConvertError):
    """Not enough memory."""

    exit_code = 7


@contextmanager
def memory_told(advice: str) -> Iterator[None]:
    """Turn the several forms of running out of memory into ResourceError.

    Raises:
        ResourceError: memory ran out; the message ends with ``advice``.
    """
    import torch

    try:
        yield
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ResourceError(f"not enough memory; {advice}") from error
    except RuntimeError as error:
        # On the CPU, torch raises a plain RuntimeError.
        if "can't allocate memory" in str(error) or "not enough memory" in str(error):
            raise ResourceError(f"not enough memory; {advice}") from error
        raise
