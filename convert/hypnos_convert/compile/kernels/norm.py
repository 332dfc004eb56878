"""Embedding lookup and normalisation: the kernels that are no matrix product."""

from __future__ import annotations

from tvm.script.ir_builder import tirx as T

from ..parameters import GROUP, PER_WORD
from .dsl import (
    Kernel,
    Registers,
    Shared,
    barrier,
    cast,
    ceil_div,
    f32,
    kernel,
    launch,
    let,
    loop,
    nibble,
    store,
    symbol,
    tensor,
    when,
)


def embed(vocabulary: int, width: int, four_bit: bool, dtype: str) -> Kernel:
    """ids (tokens) int32, weight[, scale] -> (tokens, width): one row of the embedding table per token."""
    per_thread, threads = PER_WORD, 32
    pieces = ceil_div(width, per_thread)

    @kernel("embed")
    def result() -> None:
        tokens = symbol("tokens")
        ids = tensor("ids", (tokens,), "int32")
        if four_bit:
            groups = ceil_div(width, GROUP)
            weight = tensor("weight", (vocabulary, groups * GROUP // PER_WORD), "uint32")
            scale = tensor("scale", (vocabulary, groups), dtype)
        else:
            weight = tensor("weight", (vocabulary, width), dtype)
        output = tensor("output", (tokens, width), dtype)
        with (
            launch((ceil_div(pieces, threads), tokens), threads) as (bx, token, tx),
            when(bx * threads + tx < pieces),
        ):
            piece = let(bx * threads + tx, "piece")
            row = let(ids[token], "row")
            if four_bit:
                word = let(weight[row, piece], "word")
                factor = let(f32(scale[row, piece // (GROUP // PER_WORD)]), "factor")
            for i in range(per_thread):
                column = piece * per_thread + i
                with when(True if width % per_thread == 0 else column < width):
                    value = cast(nibble(word, i) * factor, dtype) if four_bit else weight[row, column]
                    store(output, (token, column), value)

    return result


def rms_norm(name: str, width: int, eps: float, dtype: str) -> Kernel:
    """x (tokens, width), weight (width) -> (tokens, width): x / sqrt(mean(x^2) + eps) * weight (Zhang & Sennrich 2019).

    One workgroup per token: the single barrier costs little even on CPUs.
    """
    threads = 32
    steps = ceil_div(width, threads)

    @kernel(name)
    def result() -> None:
        tokens = symbol("tokens")
        x = tensor("x", (tokens, width), dtype)
        weight = tensor("weight", (width,), dtype)
        output = tensor("output", (tokens, width), dtype)
        with launch(tokens, threads) as (token, tx):
            partial = Shared((threads,), name="partial")
            total = Registers(initial=f32(0), name="total")
            with loop(steps) as step:
                column = step * threads + tx
                with when(True if width % threads == 0 else column < width):
                    value = let(f32(x[token, column]))
                    total.value = total.value + value * value
            partial[tx] = total.value
            barrier()
            total.value = f32(0)
            with loop(threads) as i:
                total.value = total.value + partial[i]
            factor = let(T.rsqrt(total.value / f32(width) + f32(eps)), "factor")
            with loop(steps) as step:
                column = step * threads + tx
                with when(True if width % threads == 0 else column < width):
                    store(output, (token, column), cast(f32(x[token, column]) * factor * f32(weight[column]), dtype))

    return result


def head_norm(query_heads: int, kv_heads: int, head_dim: int, eps: float, dtype: str) -> Kernel:
    """RMSNorm of every query and key head by itself, in place: x (tokens, query + 2 kv heads, head_dim), query weight
    (head_dim), key weight (head_dim), as Qwen3 does before its rotary positions."""
    normed = query_heads + kv_heads
    threads = 8

    @kernel("head_norm")
    def result() -> None:
        tokens = symbol("tokens")
        query_weight = tensor("query_weight", (head_dim,), dtype)
        key_weight = tensor("key_weight", (head_dim,), dtype)
        x = tensor("x", (tokens, query_heads + 2 * kv_heads, head_dim), dtype)
        with launch((ceil_div(normed, threads), tokens), threads) as (bx, token, tx):
            head = let(bx * threads + tx, "head")
            with when(True if normed % threads == 0 else head < normed):
                total = Registers(initial=f32(0), name="total")
                with loop(head_dim) as i:
                    value = let(f32(x[token, head, i]))
                    total.value = total.value + value * value
                factor = let(T.rsqrt(total.value / f32(head_dim) + f32(eps)), "factor")
                with loop(head_dim) as i:
                    weight = T.if_then_else(head < query_heads, query_weight[i], key_weight[i])
                    store(x, (token, head, i), cast(f32(x[token, head, i]) * factor * f32(weight), dtype))

    return result
