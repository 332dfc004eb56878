"""Matrix products with everything around them fused in: y = epilogue(norm(x) W^T + bias).

The weights' way: packed nibbles (or plain numbers) are read once, widened in registers and multiplied at once; no
dequantised matrix ever reaches memory. Three schedules cover the devices:

* ``rows_per_thread``: each thread owns whole rows, no barrier. For CPUs that play GPU (SwiftShader runs four
  invocations in one vector instruction, loads element by element, and pays dearly for barriers), for any number of
  tokens.
* ``split_columns``: the threads of a workgroup share the columns of a few rows, then add up. For real GPUs with one
  token, where the weights' way from memory is all that counts.
* ``tiled``: tiles of tokens and rows pass through shared memory. For real GPUs with many tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tvm.script.ir_builder import tirx as T

from ..parameters import GROUP, PER_WORD
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
    nibble,
    store,
    symbol,
    tensor,
    unflatten,
    when,
)


@dataclass(frozen=True)
class Linear:
    """What one matrix product computes.

    Arguments of the kernel, in order: x (tokens, columns), the norm's weight (columns) if ``norm_eps``, the weight
    (q_weight and q_scale, or one matrix), bias (rows) if ``bias``, residual (tokens, rows) if ``residual``, and the
    output (tokens, *output_shape).

    Attributes:
        rows: outputs; with ``swiglu`` the matrix has twice as many, gates before ups.
        columns: inputs.
        norm_eps: multiply x by its norm weight and divide by its root mean square first (RMSNorm).
        swiglu: silu(gate) * up.
        last_token: compute only the last token; the output then has one.
    """

    name: str
    rows: int
    columns: int
    four_bit: bool
    dtype: str
    output_dtype: str
    output_shape: tuple[int, ...]
    bias: bool = False
    residual: bool = False
    swiglu: bool = False
    norm_eps: float | None = None
    one_token: bool = False
    last_token: bool = False

    @property
    def matrix_rows(self) -> int:
        return self.rows * (2 if self.swiglu else 1)

    @property
    def padded_columns(self) -> int:
        return ceil_div(self.columns, GROUP) * GROUP


class _Arguments:
    """The declared arguments and how to read them."""

    def __init__(self, op: Linear, wide_words: bool) -> None:
        self.op = op
        self.tokens: Index = 1 if op.one_token else symbol("tokens")
        self.wide = op.columns % 4 == 0
        self.x = tensor("x", (self.tokens, op.columns), op.dtype, wide=self.wide)
        self.gamma = tensor("norm", (op.columns,), op.dtype, wide=self.wide) if op.norm_eps is not None else None
        self.wide_words = wide_words
        if op.four_bit:
            words = op.padded_columns // PER_WORD
            self.weight = tensor("weight", (op.matrix_rows, words), "uint32", wide=wide_words)
            self.scale = tensor("scale", (op.matrix_rows, op.padded_columns // GROUP), op.dtype)
        else:
            self.weight = tensor("weight", (op.matrix_rows, op.columns), op.dtype, wide=self.wide)
        self.bias = tensor("bias", (op.matrix_rows,), op.dtype) if op.bias else None
        self.residual = tensor("residual", (self.tokens, op.rows), op.dtype) if op.residual else None
        outputs = 1 if op.last_token else self.tokens
        self.output = tensor("output", (outputs, *op.output_shape), op.output_dtype)

    def columns(self, buffer: Any, leading: tuple[Index, ...], start: Index, count: int) -> list[Expr]:
        """``count`` neighbouring columns as float32; start is a multiple of 4 where the buffer is wide."""
        if not self.wide:
            return [let(f32(buffer[(*leading, start + i)])) for i in range(count)]
        quads = [let(buffer[(*leading, start // 4 + quad)]) for quad in range(ceil_div(count, 4))]
        return [f32(lane(quads[i // 4], i % 4)) for i in range(count)]

    def write(self, token: Index, row: Index, total: Expr, up: Expr | None) -> None:
        """Bias, activation, residual and the store of one output."""
        op = self.op
        if self.bias is not None:
            total = total + f32(self.bias[row])
            up = up + f32(self.bias[row + op.rows]) if up is not None else None
        if up is not None:
            gate = let(total, "gate")
            total = gate / (f32(1.0) + T.exp(-gate)) * up
        if self.residual is not None:
            total = total + f32(self.residual[token, row])
        target = 0 if op.last_token else token
        store(self.output, (target, *unflatten(row, op.output_shape)), cast(total, op.output_dtype))


def rows_per_thread(op: Linear, threads: int = 8, rows: int = 4, tokens: int = 4) -> Kernel:
    """Each thread computes ``rows`` rows for ``tokens`` tokens (one, where the kernel is for one) without barriers."""
    tokens = 1 if op.one_token or op.last_token else tokens
    if op.swiglu:
        rows = max(1, rows // 2)

    @kernel(op.name)
    def result() -> None:
        args = _Arguments(op, wide_words=False)
        per_block = threads * rows
        exact_rows = op.rows % per_block == 0
        token_blocks = 1 if tokens == 1 and (op.one_token or op.last_token) else ceil_div(args.tokens, tokens)
        with launch((ceil_div(op.rows, per_block), token_blocks), threads) as (bx, by, tx):
            row_index = [bx * per_block + r * threads + tx for r in range(rows)]
            row_read = row_index if exact_rows else [T.min(r, op.rows - 1) for r in row_index]
            if op.last_token:
                token_index = token_read = [args.tokens - 1]
            elif op.one_token:
                token_index = token_read = [0]
            else:
                token_index = [by * tokens + t for t in range(tokens)]
                token_read = [T.min(t, args.tokens - 1) for t in token_index]
            matrix_rows = [r + half * op.rows for r in row_read for half in range(2 if op.swiglu else 1)]
            width = len(matrix_rows)
            total = Registers(tokens * width, initial=f32(0), name="total")
            squares = Registers(tokens, initial=f32(0), name="squares") if op.norm_eps is not None else None

            def multiply(sums: Registers, column: Index, count: int, weight: Callable[[int, int], Expr]) -> None:
                """sums += x[:, column : column + count] * weight(matrix row, offset)."""
                values = [args.columns(args.x, (token,), column, count) for token in token_read]
                if squares is not None:
                    for t in range(tokens):
                        for value in values[t]:
                            squares[t] = squares[t] + value * value
                if args.gamma is not None:
                    gamma = args.columns(args.gamma, (), column, count)
                    values = [[let(v * g) for v, g in zip(row, gamma, strict=True)] for row in values]
                for m in range(width):
                    for i in range(count):
                        w = weight(m, i) if tokens == 1 else let(weight(m, i))
                        for t in range(tokens):
                            sums[t * width + m] = sums[t * width + m] + values[t][i] * w

            if op.four_bit:
                words_in_group = GROUP // PER_WORD

                def word_step(sums: Registers, group: Index, word: Index, count: int) -> None:
                    words = [let(args.weight[row, group * words_in_group + word]) for row in matrix_rows]
                    multiply(sums, group * GROUP + word * PER_WORD, count, lambda m, i: nibble(words[m], i))

                partial = Registers(tokens * width, name="partial")

                def group_step(group: Index, columns: int) -> None:
                    for i in range(partial.count):
                        partial[i] = f32(0)
                    with loop(columns // PER_WORD) as word:
                        word_step(partial, group, word, PER_WORD)
                    if columns % PER_WORD:
                        word_step(partial, group, columns // PER_WORD, columns % PER_WORD)
                    for m, row in enumerate(matrix_rows):
                        scale = let(f32(args.scale[row, group]), "scale")
                        for t in range(tokens):
                            i = t * width + m
                            total[i] = total[i] + partial[i] * scale

                with loop(op.columns // GROUP) as group:
                    group_step(group, GROUP)
                if op.columns % GROUP:
                    group_step(op.columns // GROUP, op.columns % GROUP)
            else:
                step = 8

                def plain_step(column: Index, count: int) -> None:
                    weights = [args.columns(args.weight, (row,), column, count) for row in matrix_rows]
                    multiply(total, column, count, lambda m, i: weights[m][i])

                with loop(op.columns // step) as block:
                    plain_step(block * step, step)
                if op.columns % step:
                    plain_step(op.columns // step * step, op.columns % step)

            for t in range(tokens):
                with when(True if len(token_read) == 1 else token_index[t] < args.tokens):
                    factor = f32(1.0)
                    if squares is not None:
                        factor = let(T.rsqrt(squares[t] / f32(op.columns) + f32(op.norm_eps)))
                    for r in range(rows):
                        with when(True if exact_rows else row_index[r] < op.rows):
                            i = t * width + r * (width // rows)
                            up = total[i + 1] * factor if op.swiglu else None
                            args.write(token_read[t], row_read[r], total[i] * factor, up)

    return result
