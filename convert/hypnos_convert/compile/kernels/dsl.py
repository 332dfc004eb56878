"""Thin helpers over TVM's TIR builder: kernels here are plain Python functions that emit loops and stores.

Conventions of every kernel in this package:

* Sizes known at compile time are Python ints; a symbolic size (tokens in a prefill chunk) is an int32 variable that TVM
  reads from the argument's shape.
* Where a thread always needs four neighbours, its buffer is declared with four-wide elements (``wide``), which makes
  one 128-bit load; tensors passed in keep their scalar type, so the compiler runs with argument assertions off.
* Arithmetic is float32 whatever the storage type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import IRBuilder
from tvm.script.ir_builder import tirx as T

Expr = Any
Index = Any


@dataclass(frozen=True)
class Kernel:
    """A kernel, and its signature without wide elements: a function that does nothing, for Relax to check calls."""

    signature: tirx.PrimFunc
    implementation: tirx.PrimFunc


class _SignatureComplete(Exception):
    """All arguments are declared; raised where the body of a signature would begin."""


_signature_only = ContextVar("signature_only", default=False)


def kernel(name: str, public: bool = False) -> Callable[[Callable[[], None]], Kernel]:
    """Decorator: run the function inside a fresh builder; the result is the kernel.

    A public kernel can be called from outside the library under exactly this name.
    """

    def build(body: Callable[[], None]) -> tirx.PrimFunc:
        with IRBuilder() as builder, T.prim_func(s_tir=True):
            T.func_name(name)
            T.func_attr({"tirx.noalias": True, "tirx.is_scheduled": True})
            try:
                body()
            except _SignatureComplete:
                T.evaluate(0)
        function = builder.get()
        return function if public else function.without_attr("global_symbol")

    def decorate(body: Callable[[], None]) -> Kernel:
        implementation = build(body)
        token = _signature_only.set(True)
        try:
            return Kernel(signature=build(body), implementation=implementation)
        finally:
            _signature_only.reset(token)

    return decorate


def symbol(name: str) -> tirx.Var:
    """A size that the caller's tensors decide."""
    return tirx.Var(name, "int32")


def tensor(name: str, shape: Sequence[Index], dtype: str, wide: bool = False) -> Any:
    """Declare the next argument: a tensor of this shape; ``wide`` reads its last axis four elements at a time."""
    handle = T.arg(name, T.handle())
    if wide and not _signature_only.get():
        if shape[-1] % 4:
            raise ValueError(f"{name}: the last axis must be a multiple of 4, found {shape[-1]}")
        return IRBuilder.name(name, T.match_buffer(handle, (*shape[:-1], shape[-1] // 4), f"{dtype}x4"))
    return IRBuilder.name(name, T.match_buffer(handle, tuple(shape), dtype))


def scalar(name: str, dtype: str) -> Any:
    """Declare the next argument: a number."""
    return T.arg(name, tirx.Var(name, dtype))


@contextmanager
def launch(blocks: Index | tuple[Index, Index], threads: int | tuple[int, int]) -> Iterator[tuple[Any, ...]]:
    """Run the body once per thread; yields (block x[, block y], thread x[, thread y]) indices."""
    if _signature_only.get():
        raise _SignatureComplete
    blocks = blocks if isinstance(blocks, tuple) else (blocks,)
    threads = threads if isinstance(threads, tuple) else (threads,)
    indices = []
    frames = []
    for extent, axis in zip(blocks, "xy", strict=False):
        frames.append(T.thread_binding(0, extent, thread=f"blockIdx.{axis}"))
        indices.append(frames[-1].__enter__())
    for extent, axis in zip(threads, "xy", strict=False):
        frames.append(T.thread_binding(0, extent, thread=f"threadIdx.{axis}"))
        indices.append(frames[-1].__enter__())
    frames.append(T.sblock("kernel"))
    frames[-1].__enter__()
    yield tuple(indices)
    for frame in reversed(frames):
        frame.__exit__(None, None, None)


class Registers:
    """Thread-private values; indices are Python ints, so that the GPU compiler keeps them in registers."""

    def __init__(
        self, count: int = 1, dtype: str = "float32", initial: Expr | None = None, name: str = "local"
    ) -> None:
        self.buffer = IRBuilder.name(name, T.sblock_alloc_buffer((count,), dtype, scope="local"))
        self.count = count
        self.dtype = dtype
        if initial is not None:
            for i in range(count):
                self[i] = initial

    def __getitem__(self, index: Index) -> Expr:
        return self.buffer[index]

    def __setitem__(self, index: Index, value: Expr) -> None:
        T.buffer_store(self.buffer, value, [index])

    @property
    def value(self) -> Expr:
        return self.buffer[0]

    @value.setter
    def value(self, value: Expr) -> None:
        self[0] = value


class Shared:
    """Memory that the threads of a workgroup share."""

    def __init__(self, shape: Sequence[int], dtype: str = "float32", name: str = "shared") -> None:
        self.buffer = IRBuilder.name(name, T.sblock_alloc_buffer(tuple(shape), dtype, scope="shared"))

    def __getitem__(self, index: Any) -> Expr:
        return self.buffer[index]

    def __setitem__(self, index: Any, value: Expr) -> None:
        store(self.buffer, index, value)


def let(value: Expr, name: str = "v") -> Expr:
    """Evaluate once, here, and name the result."""
    return IRBuilder.name(name, T.bind(value))


def store(buffer: Any, index: Any, value: Expr) -> None:
    """buffer[index] = value"""
    T.buffer_store(buffer, value, list(index) if isinstance(index, tuple) else [index])


def barrier() -> None:
    """Wait until all threads of the workgroup arrive; what they wrote to shared memory is then visible."""
    T.evaluate(T.tvm_storage_sync("shared"))


@contextmanager
def when(condition: Expr | bool) -> Iterator[None]:
    """Run the body where ``condition`` holds; a Python True costs nothing."""
    if condition is True:
        yield
        return
    with T.If(condition), T.Then():
        yield


def loop(count: Index) -> Any:
    """A loop that stays a loop in the shader."""
    return T.serial(0, count)


def f32(value: Expr) -> Expr:
    """Widen to float32; free where it is one already."""
    if isinstance(value, (int, float)):
        return _constant(value)
    return value if dtype_of(value) == "float32" else tirx.Cast("float32", value)


def _constant(value: float) -> Expr:
    # TVM prints float constants with seven digits, which do not always name the float32 that is meant; its bits do.
    exact = np.float32(value)
    if np.float32(f"{value:e}") == exact:
        return tirx.const(float(value), "float32")
    return T.reinterpret("float32", tirx.const(int(exact.view(np.int32)), "int32"))


def cast(value: Expr, dtype: str) -> Expr:
    return value if dtype_of(value) == dtype else tirx.Cast(dtype, value)


def lane(vector: Expr, index: int) -> Expr:
    """One element of a four-wide value."""
    return T.Shuffle([vector], [index])


def dtype_of(value: Expr) -> str:
    return str(value.ty.dtype) if hasattr(value, "ty") else str(value.dtype)


def nibble(word: Expr, index: int) -> Expr:
    """(q - 7) as float32, where q is the index-th four bits of a uint32, lowest first."""
    shifted = word >> tirx.const(4 * index, "uint32") if index else word
    masked = shifted & tirx.const(15, "uint32") if index < 7 else shifted
    # int32 and not uint32 to float: CPUs convert signed numbers in one instruction.
    return tirx.Cast("float32", tirx.Cast("int32", masked) - 7)


def ceil_div(a: Index, b: int) -> Index:
    return -(-a // b) if isinstance(a, int) else (a + (b - 1)) // b


def unflatten(index: Index, shape: Sequence[int]) -> tuple[Index, ...]:
    """Coordinates of a flat index in a row-major shape."""
    coordinates: list[Index] = []
    for extent in reversed(shape[1:]):
        coordinates.append(index % extent)
        index = index // extent
    return (index, *reversed(coordinates))
