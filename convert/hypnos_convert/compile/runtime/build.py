"""Compile the runtime objects with zig and keep them in a cache folder."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

from filelock import FileLock

from ...errors import ConvertError
from ...staging import require_room

NATIVE = Path(__file__).parent / "native"
ZIG = [sys.executable, "-m", "ziglang", "c++", "-target", "wasm32-wasi"]
FLAGS = [
    "-std=c++17",
    "-Os",  # a library is downloaded once per device kind; the GPU does the work
    "-g0",
    "-w",
    "-fignore-exceptions",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
    "-ffunction-sections",
    "-fdata-sections",
    "-DTVM_FFI_CMAKE_LITTLE_ENDIAN=1",
]
WHEELS = ("apache-tvm", "apache-tvm-ffi", "ziglang")

# What the page never calls: remote procedure calls, files, TVM's own tests, and recurrent state.
LEFT_OUT = ("src/runtime/rpc/", "src/runtime/file_utils.cc", "testing/testing.cc", "vm/rnn_state.cc")

ROOM = 16 << 20
"""Bytes free that compiling or linking can do with: several times what either writes."""

RECIPE = 3
"""Raise it when ``_compile`` changes what the objects contain in a way that the flags do not show."""

Progress = Callable[[str], None]


class ToolchainError(ConvertError):
    """zig could not compile or link; the message carries the end of its output."""

    exit_code = 1


def cache_directory(override: Path | None = None) -> Path:
    """Where built runtimes are kept: ``override``, else $HYPNOS_CACHE, else the user's cache folder."""
    if override is not None:
        return override
    if from_environment := os.environ.get("HYPNOS_CACHE"):
        return Path(from_environment)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hypnos-convert"


def runtime_objects(cache: Path | None = None, progress: Progress | None = None) -> list[Path]:
    """The runtime's object files, compiled first where the cache lacks them (about 2 minutes on 2 cores).

    Safe to call from several processes at once: one builds, the others wait. The folder appears under its final name
    only when complete.

    Raises:
        ToolchainError: zig failed.
        OutputError: the disk of the cache folder is full.
        OSError: the cache folder cannot be written.
    """
    root = cache_directory(cache)
    ready = root / f"runtime-{_content_hash()[:20]}"
    names = [f"{source.stem}.o" for source in _sources(Path())]
    objects = [ready / name for name in names]
    if ready.is_dir():
        return objects
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(root / f"{ready.name}.lock"):
        if not ready.is_dir():
            if progress:
                progress("building the TVM runtime for WebAssembly (once on this machine, about 2 minutes)")
            with tempfile.TemporaryDirectory(dir=root, prefix=f"{ready.name}.building-") as scratch:
                built = Path(scratch) / "objects"
                built.mkdir()
                require_room(built, ROOM)
                _compile(Path(scratch) / "stage", built)
                os.replace(built, ready)
    return objects


def run_zig(arguments: list[str | Path], output: Path) -> None:
    """Run ``zig c++`` for wasm32-wasi, which writes ``output``.

    Raises:
        ToolchainError: it failed; the message ends with its output.
        OutputError: it failed, and the disk is full.
    """
    command = [*ZIG, *map(str, arguments), "-o", str(output)]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if result.returncode != 0:
        # Of a full disk it says nothing: it aborts, or a signal ends it.
        output.unlink(missing_ok=True)
        require_room(output.parent, ROOM)
        raise ToolchainError(f"zig failed with status {result.returncode}:\n{result.stderr[-4000:]}")


def _content_hash() -> str:
    digest = hashlib.sha256("\0".join([str(RECIPE), *FLAGS, *LEFT_OUT]).encode())
    for wheel in WHEELS:
        distribution = metadata.distribution(wheel)
        # RECORD lists the SHA-256 of every installed file, the C++ sources among them.
        digest.update(f"{wheel} {distribution.version}\n{distribution.read_text('RECORD')}".encode())
    for path in sorted(NATIVE.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(NATIVE)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _sources(stage: Path) -> list[Path]:
    return [
        stage / "web/emcc/wasm_runtime.cc",
        stage / "web/emcc/webgpu_runtime.cc",
        NATIVE / "bridge.cc",
        NATIVE / "page.cc",
    ]


def _compile(stage: Path, output: Path) -> None:
    tvm, ffi = (_package_directory(name) for name in ("tvm", "tvm_ffi"))
    shutil.copytree(tvm / "src" / "runtime", stage / "src" / "runtime")
    shutil.copytree(tvm / "web" / "emcc", stage / "web" / "emcc")
    shutil.copytree(NATIVE / "overlay", stage, dirs_exist_ok=True)
    (stage / "3rdparty" / "tvm-ffi").symlink_to(ffi)
    unity = stage / "web/emcc/wasm_runtime.cc"
    lines = unity.read_text().splitlines(keepends=True)
    unity.write_text(
        "".join(line for line in lines if not (line.startswith("#include") and any(name in line for name in LEFT_OUT)))
    )
    includes = [stage, NATIVE / "include", tvm / "include", ffi / "include", stage / "3rdparty" / "compiler-rt"]
    # Messages name source files: by where they lie in TVM, not on this machine, so that builds are the same everywhere.
    names = {stage: "tvm", tvm: "tvm", ffi: "tvm-ffi", NATIVE: "hypnos"}
    renamed = [f"-ffile-prefix-map={path}/={name}/" for path, name in names.items()]
    flags = [*FLAGS, *renamed, "-include", NATIVE / "single_thread.h", *(f"-I{path}" for path in includes)]
    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(run_zig, [*flags, "-c", source], output / f"{source.stem}.o") for source in _sources(stage)]
        for job in jobs:
            job.result()


def _package_directory(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ToolchainError(f"the Python package {name} is not installed: pip install hypnos-convert")
    return Path(spec.origin).parent
