"""A library that web-llm could not instantiate is refused before anybody loads it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypnos_convert.compile.runtime import LinkError, ToolchainError, check_imports, link, runtime_objects
from hypnos_convert.compile.runtime.link import OFFERED_IMPORTS, imports


def leb(value: int) -> bytes:
    out = bytearray()
    while True:
        out.append((value & 0x7F) | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def text(value: str) -> bytes:
    return leb(len(value.encode())) + value.encode()


DESCRIPTIONS = {
    "function": (0, leb(300)),
    "table": (1, b"\x70\x01" + leb(1) + leb(200)),
    "memory": (2, b"\x00" + leb(17)),
    "global": (3, b"\x7f\x00"),
}


def module(entries: list[tuple[str, str, str]]) -> bytes:
    """A WebAssembly module with a custom section, then these imports."""
    section = leb(len(entries))
    for module_name, field, kind in entries:
        number, description = DESCRIPTIONS[kind]
        section += text(module_name) + text(field) + bytes([number]) + description
    custom = text("note") + b"\x02anything"
    return b"\0asm\1\0\0\0" + b"\0" + leb(len(custom)) + custom + b"\x02" + leb(len(section)) + section


NAMES = st.text(min_size=1, max_size=200)
ENTRIES = st.lists(st.tuples(NAMES, NAMES, st.sampled_from(sorted(DESCRIPTIONS))), max_size=20)


@given(ENTRIES)
def test_reads_every_import(entries: list[tuple[str, str, str]]) -> None:
    assert imports(module(entries)) == entries


@given(ENTRIES.filter(len), st.data())
def test_a_cut_module_is_an_error_not_a_shorter_list(entries: list[tuple[str, str, str]], data: st.DataObject) -> None:
    whole = module(entries)
    start = 8 + 2 + len(text("note") + b"\x02anything")
    with pytest.raises(LinkError):
        imports(whole[: data.draw(st.integers(start + 1, len(whole) - 1))])


def test_offered_imports_pass_and_others_are_named() -> None:
    offered = [(module_name, field, "function") for module_name, field in sorted(OFFERED_IMPORTS)]
    check_imports(module(offered))
    foreign = [*offered, ("env", "emscripten_resize_heap", "function"), ("env", "memory", "memory")]
    with pytest.raises(LinkError, match=r"env\.emscripten_resize_heap.*env\.memory \(memory\)"):
        check_imports(module(foreign))
    with pytest.raises(LinkError, match=r"env\.TVMFFIWasmSafeCall \(global\)"):
        check_imports(module([("env", "TVMFFIWasmSafeCall", "global")]))


def test_what_is_no_module() -> None:
    with pytest.raises(LinkError, match="not a WebAssembly module"):
        imports(b"<!doctype html>")


def test_the_runtime_alone_links_and_needs_only_what_is_offered(tmp_path: Path) -> None:
    output = tmp_path / "runtime.wasm"
    link(output, [], runtime_objects())
    found = {(module_name, field) for module_name, field, _ in imports(output.read_bytes())}
    assert found <= OFFERED_IMPORTS
    assert ("env", "TVMFFIWasmSafeCall") in found


def test_a_failing_link_says_what_zig_said(tmp_path: Path) -> None:
    broken = tmp_path / "broken.o"
    broken.write_bytes(b"no object")
    with pytest.raises(ToolchainError, match=r"broken\.o"):
        link(tmp_path / "x.wasm", [broken], runtime_objects())


FULL = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from hypnos_convert.compile.runtime import link, runtime_objects
try:
    if sys.argv[1] == "link":
        link(Path(sys.argv[2]) / "library.wasm", [], runtime_objects())
    else:
        runtime_objects(Path(sys.argv[2]))
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("step", ["link", "runtime"])
def test_a_full_disk_is_told_though_zig_dies_of_it(step: str, tmp_path: Path) -> None:
    runtime_objects()
    done = subprocess.run(
        [sys.executable, "-c", FULL, step, tmp_path], cwd=Path(__file__).parents[1], capture_output=True, text=True
    )
    assert done.stdout.startswith(f"OutputError {tmp_path}"), done.stdout + done.stderr
    assert "no room for the 16.0 MiB" in done.stdout and done.stdout.count("\n") == 1
    # A lock is left, no object and no library.
    assert [path.suffix for path in tmp_path.iterdir()] == ([] if step == "link" else [".lock"])
    assert os.listdir(tmp_path) == [path.name for path in tmp_path.rglob("*")]
