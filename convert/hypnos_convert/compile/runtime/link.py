"""Link a model's object files with the runtime into the one file that web-llm loads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ...errors import ConvertError
from .build import run_zig

WASI = "wasi_snapshot_preview1"
OFFERED_IMPORTS = frozenset(
    {
        *(
            (WASI, name)
            for name in (
                "clock_time_get",
                "environ_get",
                "environ_sizes_get",
                "fd_close",
                "fd_read",
                "fd_seek",
                "fd_write",
                "proc_exit",
            )
        ),
        ("env", "TVMFFIWasmSafeCall"),
        ("env", "TVMFFIWasmFunctionDeleter"),
        ("env", "emscripten_notify_memory_growth"),
    }
)
"""What web-llm 0.2.86 gives a library at instantiation, of what a library may need."""

INITIAL_MEMORY = 32 << 20
"""Bytes of linear memory at the start; it grows as needed. Weights never live here, only one shard on its way."""

STACK = 1 << 20

_IMPORT_SECTION = 2
_KINDS = ("function", "table", "memory", "global", "tag")


class LinkError(ConvertError):
    """The linked library would not load in web-llm."""

    exit_code = 1


def link(output: Path, objects: Sequence[Path], runtime: Sequence[Path]) -> None:
    """Link (well under a second) and check the imports.

    Raises:
        ToolchainError: zig failed.
        LinkError: the library imports something that web-llm does not offer.
    """
    run_zig(
        [
            "-mexec-model=reactor",
            "-s",
            "-Wl,--gc-sections",
            "-Wl,--export-dynamic",
            "-Wl,--export=malloc",
            "-Wl,--export=free",
            f"-Wl,--initial-memory={INITIAL_MEMORY}",
            f"-Wl,-z,stack-size={STACK}",
            *runtime,
            *objects,
        ],
        output,
    )
    check_imports(output.read_bytes(), name=output.name)


def check_imports(wasm: bytes, name: str = "library") -> None:
    """Raise LinkError, naming every offender, unless all imports are in ``OFFERED_IMPORTS``."""
    foreign = sorted(
        f"{module}.{field} ({kind})"
        for module, field, kind in imports(wasm)
        if (module, field) not in OFFERED_IMPORTS or kind != "function"
    )
    if foreign:
        raise LinkError(f"{name} imports what web-llm does not offer: {', '.join(foreign)}")


def imports(wasm: bytes) -> list[tuple[str, str, str]]:
    """(module, name, kind) of every import of a WebAssembly module (core specification 5.5.5).

    Raises:
        LinkError: the bytes are no WebAssembly module, or are cut short.
    """
    if wasm[:8] != b"\0asm\1\0\0\0":
        raise LinkError("not a WebAssembly module of version 1")
    try:
        return list(_imports(wasm))
    except IndexError:
        raise LinkError("the WebAssembly module is cut short") from None


def _imports(wasm: bytes) -> Iterator[tuple[str, str, str]]:
    reader = _Reader(wasm, 8)
    while reader.position < len(wasm):
        section, size = reader.byte(), reader.number()
        end = reader.position + size
        if end > len(wasm):
            raise IndexError
        if section == _IMPORT_SECTION:
            for _ in range(reader.number()):
                module, field, kind = reader.text(), reader.text(), reader.byte()
                reader.skip_description(kind)
                yield module, field, _KINDS[kind]
        reader.position = end


class _Reader:
    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position

    def byte(self) -> int:
        value = self.data[self.position]
        self.position += 1
        return value

    def number(self) -> int:
        """An unsigned LEB128 number."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def text(self) -> str:
        size = self.number()
        self.position += size
        if self.position > len(self.data):
            raise IndexError
        return self.data[self.position - size : self.position].decode()

    def limits(self) -> None:
        flags = self.byte()
        self.number()
        if flags & 1:
            self.number()

    def skip_description(self, kind: int) -> None:
        if kind == 0:  # function: type index
            self.number()
        elif kind == 1:  # table: element type, limits
            self.byte()
            self.limits()
        elif kind == 2:  # memory: limits
            self.limits()
        else:  # global: value type, mutability; tag: attribute, type index
            self.byte()
            self.number()
