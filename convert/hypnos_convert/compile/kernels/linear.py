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
    Shared,
    barrier,
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

    def __init__(self, op: Linear, wide: bool = True, wide_words: bool = False) -> None:
        self.op = op
        self.tokens: Index = 1 if op.one_token else symbol("tokens")
        self.wide = wide and op.columns % 4 == 0
        self.x = tensor("x", (self.tokens, op.columns), op.dtype, wide=self.wide)
        self.gamma = tensor("norm", (op.columns,), op.dtype, wide=self.wide) if op.norm_eps is not None else None
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

    def x_at(self, token: Index, column: Index) -> Expr:
        return self._at(self.x, (token,), column)

    def weight_at(self, row: Index, column: Index) -> Expr:
        return self._at(self.weight, (row,), column)

    def gamma_at(self, column: Index) -> Expr:
        return self._at(self.gamma, (), column)

    def _at(self, buffer: Any, leading: tuple[Index, ...], column: Index) -> Expr:
        return f32(buffer[(*leading, column)])

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
        args = _Arguments(op)
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


def split_columns(op: Linear, lanes: int = 32, teams: int = 4, rows: int = 4) -> Kernel:
    """One token: ``lanes`` threads share the columns of ``rows`` rows; a workgroup holds ``teams`` such teams.

    Neighbouring threads read neighbouring groups of 32 columns, 16 bytes of nibbles each in one load; x and the norm's
    weight are read once for all rows of a team.
    """
    if not (op.one_token or op.last_token):
        raise ValueError(f"{op.name}: split_columns computes one token")
    if op.swiglu:
        rows = max(1, rows // 2)

    @kernel(op.name)
    def result() -> None:
        args = _Arguments(op, wide_words=True)
        per_block = teams * rows
        exact_rows = op.rows % per_block == 0
        token = args.tokens - 1 if op.last_token else 0
        with launch(ceil_div(op.rows, per_block), (lanes, teams)) as (bx, tx, ty):
            row_index = [let(bx * per_block + ty * rows + r, "row") for r in range(rows)]
            row_read = row_index if exact_rows else [T.min(r, op.rows - 1) for r in row_index]
            matrix_rows = [r + half * op.rows for r in row_read for half in range(2 if op.swiglu else 1)]
            width = len(matrix_rows)
            sums = width + (1 if op.norm_eps is not None else 0)
            total = Registers(sums, initial=f32(0), name="total")

            def multiply(into: Registers, column: Index, count: int, weight: Callable[[int, int], Expr]) -> None:
                x = args.columns(args.x, (token,), column, count)
                if args.gamma is not None:
                    for value in x:
                        total[width] = total[width] + value * value
                    gamma = args.columns(args.gamma, (), column, count)
                    x = [let(value * g) for value, g in zip(x, gamma, strict=True)]
                for m in range(width):
                    for i in range(count):
                        into[m] = into[m] + x[i] * weight(m, i)

            if op.four_bit:
                partial = Registers(width, name="partial")

                def group_step(group: Index, columns: int) -> None:
                    words = [let(args.weight[row, group]) for row in matrix_rows]
                    for m in range(width):
                        partial[m] = f32(0)
                    for w in range(ceil_div(columns, PER_WORD)):
                        count = min(PER_WORD, columns - w * PER_WORD)
                        word = [let(lane(words[m], w)) for m in range(width)]
                        multiply(
                            partial, group * GROUP + w * PER_WORD, count, lambda m, i, word=word: nibble(word[m], i)
                        )
                    for m, row in enumerate(matrix_rows):
                        total[m] = total[m] + partial[m] * f32(args.scale[row, group])

                step, whole = group_step, op.columns // GROUP
                piece = GROUP
            else:
                piece = 4

                def plain_step(block: Index, columns: int) -> None:
                    weights = [args.columns(args.weight, (row,), block * piece, columns) for row in matrix_rows]
                    multiply(total, block * piece, columns, lambda m, i: weights[m][i])

                step, whole = plain_step, op.columns // piece

            if whole:
                with loop(ceil_div(whole, lanes)) as turn:
                    block = let(turn * lanes + tx, "block")
                    with when(True if whole % lanes == 0 else block < whole):
                        step(block, piece)
            if op.columns % piece:
                with when(tx == whole % lanes):
                    step(whole, op.columns % piece)

            # Add up the team's sums in two steps: eight lanes each, then those.
            leaders = lanes // 8
            first = Shared((teams, lanes, sums), name="first")
            second = Shared((teams, leaders, sums), name="second")
            for i in range(sums):
                first[ty, tx, i] = total[i]
            barrier()
            with when(tx < leaders):
                for i in range(sums):
                    total[i] = f32(0)
                    with loop(8) as lane_:
                        total[i] = total[i] + first[ty, tx * 8 + lane_, i]
                    second[ty, tx, i] = total[i]
            barrier()
            for i in range(sums):
                total[i] = f32(0)
                with loop(leaders) as leader:
                    total[i] = total[i] + second[ty, leader, i]
            with when(tx == 0):
                factor = f32(1.0)
                if op.norm_eps is not None:
                    factor = let(T.rsqrt(total[width] / f32(op.columns) + f32(op.norm_eps)), "factor")
                for r in range(rows):
                    with when(True if exact_rows else row_index[r] < op.rows):
                        i = r * (width // rows)
                        args.write(0, row_read[r], total[i] * factor, total[i + 1] * factor if op.swiglu else None)

    return result


def tiled(op: Linear, tile_tokens: int = 32, tile_rows: int = 64) -> Kernel:
    """Many tokens: a workgroup computes a tile of tokens by rows, group of columns by group, through shared memory.

    Each of its 16 x 8 threads owns 4 tokens by 4 rows, strided so that neighbouring threads read neighbouring shared
    words. Weights are widened once per tile and used for all its tokens.
    """
    across, down = 16, 8  # threads along rows and tokens
    threads = across * down
    own_rows, own_tokens = tile_rows // across, tile_tokens // down
    halves = 2 if op.swiglu else 1
    outputs = tile_rows // halves  # rows of the result in a tile; with swiglu each stands for a gate and an up
    steps = ceil_div(op.columns, GROUP)

    @kernel(op.name)
    def result() -> None:
        args = _Arguments(op, wide=False)
        exact_rows, exact_columns = op.rows % outputs == 0, op.columns % GROUP == 0
        with launch((ceil_div(op.rows, outputs), ceil_div(args.tokens, tile_tokens)), (across, down)) as (
            bx,
            by,
            tx,
            ty,
        ):
            thread = let(ty * across + tx, "thread")
            # One column more than needed keeps neighbouring rows in different banks.
            x_tile = Shared((tile_tokens, GROUP + 1), name="x_tile")
            w_tile = Shared((tile_rows, GROUP + 1), name="w_tile")
            total = Registers(own_tokens * own_rows, initial=f32(0), name="total")
            squares = Registers(own_tokens, initial=f32(0), name="squares") if op.norm_eps is not None else None

            def matrix_row(tile_row: Index) -> Expr:
                """Row of the matrix that a row of the tile holds: with swiglu gates first, then the same rows' ups."""
                if not op.swiglu:
                    return T.min(bx * outputs + tile_row, op.rows - 1)
                row = T.min(bx * outputs + tile_row % outputs, op.rows - 1)
                return row + tile_row // outputs * op.rows

            with loop(steps) as group:
                for part in range(tile_tokens * GROUP // threads):
                    index = let(part * threads + thread, "index")
                    token = T.min(by * tile_tokens + index // GROUP, args.tokens - 1)
                    column = let(group * GROUP + index % GROUP, "column")
                    value = args.x_at(token, column if exact_columns else T.min(column, op.columns - 1))
                    if not exact_columns:
                        value = T.if_then_else(column < op.columns, value, f32(0))
                    x_tile[index // GROUP, index % GROUP] = value
                if op.four_bit:
                    words = GROUP // PER_WORD
                    for part in range(ceil_div(tile_rows * words, threads)):
                        index = let(part * threads + thread, "index")
                        row = let(matrix_row(index // words), "row")
                        word = let(args.weight[row, group * words + index % words], "word")
                        scale = let(f32(args.scale[row, group]), "scale")
                        for i in range(PER_WORD):
                            w_tile[index // words, index % words * PER_WORD + i] = nibble(word, i) * scale
                else:
                    for part in range(tile_rows * GROUP // threads):
                        index = let(part * threads + thread, "index")
                        row = let(matrix_row(index // GROUP), "row")
                        column = let(group * GROUP + index % GROUP, "column")
                        value = args.weight_at(row, column if exact_columns else T.min(column, op.columns - 1))
                        if not exact_columns:
                            value = T.if_then_else(column < op.columns, value, f32(0))
                        w_tile[index // GROUP, index % GROUP] = value
                barrier()
                with loop(GROUP) as k:
                    x = [let(x_tile[ty + t * down, k]) for t in range(own_tokens)]
                    if squares is not None:
                        for t in range(own_tokens):
                            squares[t] = squares[t] + x[t] * x[t]
                    if args.gamma is not None:
                        column = group * GROUP + k
                        gamma = let(args.gamma_at(column if exact_columns else T.min(column, op.columns - 1)))
                        x = [let(value * gamma) for value in x]
                    w = [let(w_tile[tx + r * across, k]) for r in range(own_rows)]
                    for t in range(own_tokens):
                        for r in range(own_rows):
                            total[t * own_rows + r] = total[t * own_rows + r] + x[t] * w[r]
                barrier()

            for t in range(own_tokens):
                token = let(by * tile_tokens + ty + t * down, "token")
                with when(token < args.tokens):
                    factor = f32(1.0)
                    if squares is not None:
                        factor = let(T.rsqrt(squares[t] / f32(op.columns) + f32(op.norm_eps)), "factor")
                    for r in range(own_rows // halves):
                        row = let(bx * outputs + tx + r * across, "row")
                        with when(True if exact_rows else row < op.rows):
                            i = t * own_rows + r
                            up = total[i + own_rows // 2] * factor if op.swiglu else None
                            args.write(token, row, total[i] * factor, up)

    return result
