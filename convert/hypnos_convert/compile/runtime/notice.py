"""The attributions that must travel with every compiled library (Apache License 2.0, section 4)."""

from __future__ import annotations

from importlib import metadata


def notice() -> str:
    """Text for the package's NOTICE file: what the libraries contain, under which licences, with the notices of the
    wheels they were built from."""
    tvm, ffi = (metadata.distribution(name) for name in ("apache-tvm", "apache-tvm-ffi"))
    parts = [
        "The .wasm files in this folder are model libraries compiled by hypnos-convert. They contain, in binary form:",
        f"* Apache TVM {tvm.version} (runtime, web bindings) and Apache TVM FFI {ffi.version}, "
        "under the Apache License, Version 2.0 (https://www.apache.org/licenses/LICENSE-2.0). Changes: the runtime is "
        "compiled without remote procedure calls, file access and recurrent state, and with hypnos-convert's own "
        "stream headers and entry points in place of emscripten's.",
        "* wasi-libc, libc++ and libc++abi as shipped with Zig, under the MIT License and the Apache License, "
        "Version 2.0 with LLVM Exceptions.",
        "Notice of Apache TVM:",
        _licence_file(tvm, "NOTICE"),
        "Notice of Apache TVM FFI:",
        _licence_file(ffi, "NOTICE"),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _licence_file(distribution: metadata.Distribution, name: str) -> str:
    for path in distribution.files or []:
        if path.name == name:
            return path.read_text()
    raise FileNotFoundError(f"{distribution.metadata['Name']} {distribution.version} ships no {name}")
