"""Licence texts that must travel with a package: those of the code linked into its libraries, and the model's own."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from .inputs import read_bytes, reading

MODEL_PATTERNS = ("LICENSE*", "LICENCE*", "NOTICE*", "USE_POLICY*", "COPYING*")
NOTICE_BYTES = 4 << 20
ZIG_PARTS = (
    "LICENSE",
    "lib/libcxx/LICENSE.TXT",
    "lib/libcxxabi/LICENSE.TXT",
    "lib/libunwind/LICENSE.TXT",
    "lib/libc/musl/COPYRIGHT",
    "lib/libc/wasi/LICENSE",
)
"""What ziglang links into WebAssembly: compiler-rt, libc++, wasi-libc (with parts of musl)."""


def runtime_notices() -> Iterator[tuple[str, bytes]]:
    """Yield (path in the package, text) for the compiler runtime inside every library."""
    for distribution in ("apache-tvm", "apache-tvm-ffi"):
        for file in importlib.metadata.files(distribution) or []:
            if ".dist-info/licenses/" in file.as_posix():
                yield f"licences/{distribution}-{file.name}.txt", file.read_binary()
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        return
    root = Path(spec.origin).parent
    for part in ZIG_PARTS:
        path = root / part
        if path.exists():
            name = part.removeprefix("lib/").removesuffix(".TXT").replace("/", "-")
            yield f"licences/ziglang-{name}.txt", path.read_bytes()


def model_notices(checkpoint: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (path in the package, text) for the licence files that lie beside the checkpoint's weights.

    Raises:
        InputError: one cannot be read; it must not be left out in silence.
    """
    with reading(checkpoint):
        found = {path for pattern in MODEL_PATTERNS for path in checkpoint.glob(pattern) if not path.is_dir()}
    for path in sorted(found):
        name = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in path.name)
        yield f"licences/model-{name[:100]}", read_bytes(path, NOTICE_BYTES)
