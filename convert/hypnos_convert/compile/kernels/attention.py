"""Attention and KV-cache kernels in the calling convention of TVM's paged KV cache, for CPUs that play GPU.

The cache (vm/paged_kv_cache.cc in TVM's runtime) decides per forward pass which of them it calls. For one sequence:
``split_rotary`` and ``append`` always; ``decode`` for one new token; ``prefill_ragged`` for a chunk against itself,
then, where there is a past, ``prefill_paged`` against it and ``merge``. Scores are kept in base 2: with
s = q.k * sm_scale * log2(e), the softmax denominators are sums of 2^(s - max) and ``lse`` is max + log2(sum).

No barriers here: each thread owns a query head (or a slice of one), keys pass one by one through an online softmax
(Milakov & Gimelshein 2018). On a real GPU TVM's own tiled kernels take these places.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tvm import tirx
from tvm.script.ir_builder import tirx as T

from ..config import Llama3Rope
from .dsl import (
    Expr,
    Index,
    Kernel,
    Registers,
    cast,
    ceil_div,
    f32,
    kernel,
    lane,
    launch,
    let,
    loop,
    scalar,
    store,
    symbol,
    tensor,
    when,
)

PAGE = 16
"""Tokens per page; web-llm creates the cache with this size."""

LOG2_E = math.log2(math.e)
LOWEST = -5e4
"""Score of nothing: the start of an online maximum. TVM's kernels use the same, and ``merge`` compares the two."""


@dataclass(frozen=True)
class Heads:
    """Sizes of one attention layer."""

    query: int
    kv: int
    dim: int
    dtype: str

    @property
    def group(self) -> int:
        return self.query // self.kv


def inverse_frequencies(dim: int, theta: float, scaling: Llama3Rope | None) -> np.ndarray:
    """Rotation per token in radians, float32 (dim / 2): theta^(-2i / dim) (Su et al. 2021, section 3.2.2), with Llama
    3.1's scaling where given: as they are for short wavelengths, divided by ``factor`` for long ones, a ramp between.
    """
    plain = (1.0 / theta ** (np.arange(0, dim, 2, dtype=np.float32) / np.float32(dim))).astype(np.float32)
    if scaling is None:
        return plain
    low, high = scaling.low_frequency_factor, scaling.high_frequency_factor
    turns = scaling.original_context * plain / (2 * math.pi)  # within the original context
    keep = np.clip((turns - low) / (high - low), 0, 1)
    return (keep * plain + (1 - keep) * plain / scaling.factor).astype(np.float32)


def split_rotary(heads: Heads, frequencies: np.ndarray) -> Kernel:
    """Split fused qkv (tokens, query + 2 kv heads, dim) and rotate queries and keys by their positions.

    Pairs are (i, i + dim / 2), as in Hugging Face's Llama. The frequencies are constants in the shader: computed there
    their error, times a position of some thousands, would show in the logits.
    """
    half = heads.dim // 2
    total = heads.query + 2 * heads.kv
    threads = 32

    @kernel("split_rotary")
    def result() -> None:
        tokens = symbol("tokens")
        qkv = tensor("qkv", (tokens, total, heads.dim), heads.dtype)
        positions = tensor("positions", (tokens,), "int32")
        q = tensor("q", (tokens, heads.query, heads.dim), heads.dtype)
        k = tensor("k", (tokens, heads.kv, heads.dim), heads.dtype)
        v = tensor("v", (tokens, heads.kv, heads.dim), heads.dtype)
        # 0 with a sliding window: its attention kernels rotate by the position inside the window.
        rotate = scalar("rotate", "int32")
        count = total * half
        with (
            launch((ceil_div(count, threads), tokens), threads) as (bx, token, tx),
            when(True if count % threads == 0 else bx * threads + tx < count),
        ):
            head = let((bx * threads + tx) // half, "head")
            i = let((bx * threads + tx) % half, "i")
            first = let(f32(qkv[token, head, i]), "first")
            second = let(f32(qkv[token, head, i + half]), "second")
            with when(head < heads.query + heads.kv):
                position = T.if_then_else(rotate > 0, positions[token], 0)
                cosine, sine = rotation(tirx.Cast("float32", position) * _lookup(frequencies, i))
                rotated = (first * cosine - second * sine, second * cosine + first * sine)
                for offset, value in zip((0, half), rotated, strict=True):
                    with when(head < heads.query):
                        store(q, (token, head, i + offset), cast(value, heads.dtype))
                    with when(head >= heads.query):
                        store(k, (token, head - heads.query, i + offset), cast(value, heads.dtype))
            with when(head >= heads.query + heads.kv):
                for offset, value in zip((0, half), (first, second), strict=True):
                    store(v, (token, head - (heads.query + heads.kv), i + offset), cast(value, heads.dtype))

    return result


def _lookup(table: np.ndarray, index: Expr) -> Expr:
    """table[index], exactly: a tree of selections, as shaders have no constant tables that TIR could reach, between
    the numbers' bits, as TVM prints float constants with seven digits only."""
    bits = table.astype(np.float32).view(np.int32)

    def select(start: int, stop: int) -> Expr:
        if stop - start == 1:
            return tirx.const(int(bits[start]), "int32")
        middle = (start + stop) // 2
        return T.Select(index < middle, select(start, middle), select(middle, stop))

    return T.reinterpret("float32", select(0, len(bits)))


def rotation(angle: Expr) -> tuple[Expr, Expr]:
    """(cos, sin) of a non-negative angle, to float32's accuracy on every device.

    WGSL only promises 2^-11, and that between -pi and pi; an error in the angle is an error in every attention score.
    Reduction to [-pi/4, pi/4] with pi/2 in three parts (Cody & Waite 1980), then the minimax polynomials of Cephes'
    sinf and cosf (Moshier 1989).
    """
    angle = let(angle, "angle")
    quarter = let(T.floor(angle * f32(2 / math.pi) + f32(0.5)), "quarter")
    r = let(((angle - quarter * f32(1.5703125)) - quarter * f32(4.837512969970703e-4)) - quarter * f32(7.54978995e-8))
    z = let(r * r, "z")
    sine = let(r + r * z * (f32(-1.6666654611e-1) + z * (f32(8.3321608736e-3) + z * f32(-1.9515295891e-4))), "sine")
    tail = f32(4.166664568298827e-2) + z * (f32(-1.388731625493765e-3) + z * f32(2.443315711809948e-5))
    cosine = let(f32(1) - z * f32(0.5) + z * z * tail, "cosine")
    quadrant = let(tirx.Cast("int32", quarter) & 3, "quadrant")
    odd = let((quadrant & 1) == 1, "odd")
    flip_cosine = tirx.any(quadrant == 1, quadrant == 2)
    c = let(T.Select(odd, sine, cosine))
    s = let(T.Select(odd, cosine, sine))
    return let(T.Select(flip_cosine, -c, c), "cosine"), let(T.Select(quadrant >= 2, -s, s), "sine")


def append(heads: Heads) -> Kernel:
    """Write new keys and values (tokens, kv heads, dim) to their places in the pages."""
    threads = 32

    @kernel("append_kv")
    def result() -> None:
        tokens, pages_count = symbol("tokens"), symbol("pages_count")
        pages = tensor("pages", (pages_count, 2, heads.kv, PAGE, heads.dim), heads.dtype)
        k = tensor("k", (tokens, heads.kv, heads.dim), heads.dtype)
        v = tensor("v", (tokens, heads.kv, heads.dim), heads.dtype)
        places = tensor("places", (tokens,), "int32")
        count = heads.kv * heads.dim
        with launch((ceil_div(count, threads), tokens), threads) as (bx, token, tx):
            place = let(places[token], "place")
            inside = place >= 0
            if count % threads:
                inside = tirx.all(inside, bx * threads + tx < count)
            with when(inside):
                head = let((bx * threads + tx) // heads.dim, "head")
                i = let((bx * threads + tx) % heads.dim, "i")
                store(pages, (place // PAGE, 0, head, place % PAGE, i), k[token, head, i])
                store(pages, (place // PAGE, 1, head, place % PAGE, i), v[token, head, i])

    return result


class _OnlineSoftmax:
    """Running maximum, denominator and weighted sum of values of one query head (or of a slice of its values)."""

    def __init__(self, query: list[Expr], width: int, scale: Expr, dtype: str) -> None:
        self.query, self.width, self.scale, self.dtype = query, width, scale, dtype
        self.output = Registers(width, initial=f32(0), name="output_sum")
        self.highest = Registers(initial=f32(LOWEST), name="highest")
        self.denominator = Registers(initial=f32(0), name="denominator")

    def add(self, key: Callable[[int], Expr], value: Callable[[int], Expr]) -> None:
        """Take in one key and value: functions from a quad's index to four numbers (``value`` of the slice)."""
        score = Registers(initial=f32(0), name="score")
        for quad in range(len(self.query) // 4):
            vector = let(key(quad))
            for i in range(4):
                score.value = score.value + self.query[quad * 4 + i] * f32(lane(vector, i))
        s = let(score.value * self.scale, "s")
        highest = let(T.max(self.highest.value, s), "new_highest")
        decay = let(T.exp2(self.highest.value - highest), "decay")
        weight = let(T.exp2(s - highest), "weight")
        self.highest.value = highest
        self.denominator.value = self.denominator.value * decay + weight
        for quad in range(self.width // 4):
            vector = let(value(quad))
            for i in range(4):
                j = quad * 4 + i
                self.output[j] = self.output[j] * decay + weight * f32(lane(vector, i))

    def write(self, output: Any, index: tuple[Index, ...], start: Index, lse: Any) -> None:
        """Store the slice at output[index, start:] and lse[index]."""
        # No key at all leaves the output zero and lse at LOWEST, which ``merge`` weighs as nothing.
        empty = self.denominator.value <= f32(0)
        safe = let(T.if_then_else(empty, f32(1), self.denominator.value), "safe")
        for i in range(self.width):
            store(output, (*index, start + i), cast(self.output[i] / safe, self.dtype))
        store(lse, index, self.highest.value + T.log2(safe))


def decode(heads: Heads, slices: int = 4) -> Kernel:
    """Attention of one new token per sequence over the pages; each thread computes a slice of a head's output."""
    threads = 4
    width = _slice_width(heads.dim, slices)
    slices = heads.dim // width

    @kernel("attention_decode")
    def result() -> None:
        sequences, pages_count, used = symbol("sequences"), symbol("pages_count"), symbol("used_pages")
        q = tensor("q", (sequences, heads.query, heads.dim), heads.dtype, wide=True)
        past = _Past(heads, sequences, pages_count, used)
        tensor("key_offset", (sequences,), "int32")
        tensor("query_position", (sequences,), "int32")
        output = tensor("output", (sequences, heads.query, heads.dim), heads.dtype)
        lse = tensor("lse", (sequences, heads.query), "float32")
        sm_scale = _rope_and_scale()
        count = heads.query * slices
        with (
            launch((ceil_div(count, threads), sequences), threads) as (bx, sequence, tx),
            when(True if count % threads == 0 else bx * threads + tx < count),
        ):
            head = let((bx * threads + tx) // slices, "head")
            part = let((bx * threads + tx) % slices, "part")
            state = _OnlineSoftmax(
                _read_query(q, sequence, head, heads), width, let(sm_scale * f32(LOG2_E), "scale"), heads.dtype
            )
            past.attend(state, sequence, head // heads.group, part * (width // 4))
            state.write(output, (sequence, head), part * width, lse)

    return result


def prefill_paged(heads: Heads, slices: int = 1) -> Kernel:
    """Attention of a chunk's tokens over all that the pages held before it: nothing is masked."""
    threads = 8
    width = _slice_width(heads.dim, slices)
    slices = heads.dim // width

    @kernel("attention_prefill_paged")
    def result() -> None:
        tokens, sequences = symbol("tokens"), symbol("sequences")
        pages_count, used = symbol("pages_count"), symbol("used_pages")
        q = tensor("q", (tokens, heads.query, heads.dim), heads.dtype, wide=True)
        tensor("query_starts", (sequences + 1,), "int32")
        past = _Past(heads, sequences, pages_count, used)
        tensor("key_offset", (sequences,), "int32")
        tensor("query_position", (tokens,), "int32")
        output = tensor("output", (tokens, heads.query, heads.dim), heads.dtype)
        lse = tensor("lse", (tokens, heads.query), "float32")
        scalar("causal", "int32")
        sm_scale = _rope_and_scale()
        count = heads.query * slices
        with (
            launch((ceil_div(count, threads), tokens), threads) as (bx, token, tx),
            when(True if count % threads == 0 else bx * threads + tx < count),
        ):
            head = let((bx * threads + tx) // slices, "head")
            part = let((bx * threads + tx) % slices, "part")
            state = _OnlineSoftmax(
                _read_query(q, token, head, heads), width, let(sm_scale * f32(LOG2_E), "scale"), heads.dtype
            )
            past.attend(state, 0, head // heads.group, part * (width // 4))
            state.write(output, (token, head), part * width, lse)

    return result


def prefill_ragged(heads: Heads, slices: int = 1) -> Kernel:
    """Causal attention of a chunk's tokens over the chunk itself, for the single sequence that web-llm runs."""
    threads = 8
    width = _slice_width(heads.dim, slices)
    slices = heads.dim // width

    @kernel("attention_prefill_ragged")
    def result() -> None:
        tokens, sequences = symbol("tokens"), symbol("sequences")
        q = tensor("q", (tokens, heads.query, heads.dim), heads.dtype, wide=True)
        tensor("query_starts", (sequences + 1,), "int32")
        k = tensor("k", (tokens, heads.kv, heads.dim), heads.dtype, wide=True)
        v = tensor("v", (tokens, heads.kv, heads.dim), heads.dtype, wide=True)
        tensor("key_starts", (sequences + 1,), "int32")
        tensor("query_position", (tokens,), "int32")
        tensor("key_offset", (sequences,), "int32")
        output = tensor("output", (tokens, heads.query, heads.dim), heads.dtype)
        lse = tensor("lse", (tokens, heads.query), "float32")
        scalar("causal", "int32")
        sm_scale = _rope_and_scale()
        count = heads.query * slices
        with (
            launch((ceil_div(count, threads), tokens), threads) as (bx, token, tx),
            when(True if count % threads == 0 else bx * threads + tx < count),
        ):
            head = let((bx * threads + tx) // slices, "head")
            part = let((bx * threads + tx) % slices, "part")
            kv_head = let(head // heads.group, "kv_head")
            state = _OnlineSoftmax(
                _read_query(q, token, head, heads), width, let(sm_scale * f32(LOG2_E), "scale"), heads.dtype
            )
            with loop(token + 1) as other:
                state.add(
                    key=lambda quad: k[other, kv_head, quad],
                    value=lambda quad: v[other, kv_head, part * (width // 4) + quad],
                )
            state.write(output, (token, head), part * width, lse)

    return result


def merge(heads: Heads) -> Kernel:
    """Fold a second attention result into the first, in place: both weighed by their denominators."""
    threads = 32
    quads = heads.dim // 4

    @kernel("attention_merge")
    def result() -> None:
        tokens = symbol("tokens")
        output = tensor("output", (tokens, heads.query, heads.dim), heads.dtype)
        lse = tensor("lse", (tokens, heads.query), "float32")
        other_output = tensor("other_output", (tokens, heads.query, heads.dim), heads.dtype)
        other_lse = tensor("other_lse", (tokens, heads.query), "float32")
        # One thread per head: it alone may overwrite the head's lse, after reading it.
        with (
            launch((ceil_div(heads.query, threads), tokens), threads) as (bx, token, tx),
            when(True if heads.query % threads == 0 else bx * threads + tx < heads.query),
        ):
            head = let(bx * threads + tx, "head")
            ours, theirs = let(lse[token, head], "ours"), let(other_lse[token, head], "theirs")
            highest = let(T.max(ours, theirs), "highest")
            our_weight, their_weight = let(T.exp2(ours - highest)), let(T.exp2(theirs - highest))
            total = let(our_weight + their_weight, "total")
            with loop(quads) as quad:
                for i in range(4):
                    index = (token, head, quad * 4 + i)
                    mixed = f32(output[index]) * our_weight + f32(other_output[index]) * their_weight
                    store(output, index, cast(mixed / total, heads.dtype))
            store(lse, (token, head), highest + T.log2(total))

    return result


class _Past:
    """The page-table arguments of a kernel, and the walk over the keys that they list."""

    def __init__(self, heads: Heads, sequences: Index, pages_count: Index, used: Index) -> None:
        self.pages = tensor("pages", (pages_count, 2, heads.kv, PAGE, heads.dim), heads.dtype, wide=True)
        self.starts = tensor("page_starts", (sequences + 1,), "int32")
        self.table = tensor("page_table", (used,), "int32")
        self.last_page_length = tensor("last_page_length", (sequences,), "int32")

    def attend(self, state: _OnlineSoftmax, sequence: Index, kv_head: Index, first_quad: Index) -> None:
        begin, end = let(self.starts[sequence], "begin"), let(self.starts[sequence + 1], "end")
        kv_head = let(kv_head, "kv_head")
        with loop(end - begin) as i:
            page = let(self.table[begin + i], "page")
            length = T.if_then_else(i == end - begin - 1, self.last_page_length[sequence], PAGE)
            with loop(let(length, "length")) as slot:
                state.add(
                    key=lambda quad: self.pages[page, 0, kv_head, slot, quad],
                    value=lambda quad: self.pages[page, 1, kv_head, slot, first_quad + quad],
                )


def _rope_and_scale() -> Expr:
    """Declare the trailing numbers of every attention kernel; the first three only matter with a sliding window."""
    scalar("rotary_mode", "int32")
    scalar("rope_scale", "float32")
    scalar("rope_theta", "float32")
    return scalar("sm_scale", "float32")


def _slice_width(dim: int, slices: int) -> int:
    while dim % (4 * slices):
        slices -= 1
    return dim // slices


def _read_query(q: Any, token: Index, head: Index, heads: Heads) -> list[Expr]:
    quads = [let(q[token, head, i]) for i in range(heads.dim // 4)]
    return [f32(lane(quads[i // 4], i % 4)) for i in range(heads.dim)]
