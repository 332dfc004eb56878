"""From logits to a token: bias, penalties and grammar mask in place; softmax; a draw without a sort.

web-llm hands what ``argsort_probs`` returns straight to ``sample_with_top_p``, so nothing needs to be sorted: the
smallest kept probability is found by searching its 30 bits (a non-negative float32 is ordered like its bit pattern,
after the idea of FlashInfer's sorting-free sampling), then the token is drawn by inverting the distribution function
of what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tvm import tirx
from tvm.script.ir_builder import tirx as T

from .dsl import (
    Expr,
    Index,
    Kernel,
    Registers,
    Shared,
    barrier,
    ceil_div,
    f32,
    kernel,
    launch,
    let,
    loop,
    store,
    symbol,
    tensor,
    when,
)

MASKED = -3.4028234663852886e38
"""Logit of a token that the grammar forbids: the lowest float32."""

ONE_BITS = 0x3F800000
"""The bits of 1.0, the highest probability."""


def logit_bias() -> Kernel:
    """logits[sequence[i], token[i]] += bias[i]"""

    @kernel("apply_logit_bias_inplace", public=True)
    def result() -> None:
        batch, vocabulary, count = symbol("batch"), symbol("vocabulary"), symbol("count")
        logits = tensor("logits", (batch, vocabulary), "float32")
        sequence = tensor("sequence", (count,), "int32")
        token = tensor("token", (count,), "int32")
        bias = tensor("bias", (count,), "float32")
        with launch(ceil_div(count, 32), 32) as (bx, tx), when(bx * 32 + tx < count):
            i = let(bx * 32 + tx, "i")
            index = (sequence[i], token[i])
            store(logits, index, logits[index] + bias[i])

    return result


def penalties() -> Kernel:
    """Presence, frequency and repetition penalties (batch, 3) of tokens that have appeared ``times[i]`` times.

    The first two are subtracted (frequency once per appearance), as OpenAI's API defines them; then a positive logit is
    divided by the third and a negative one multiplied by it (Keskar et al. 2019, CTRL, section 4.1).
    """

    @kernel("apply_penalty_inplace", public=True)
    def result() -> None:
        batch, vocabulary, count = symbol("batch"), symbol("vocabulary"), symbol("count")
        sequences = symbol("sequences")
        logits = tensor("logits", (batch, vocabulary), "float32")
        sequence_ids = tensor("sequence_ids", (sequences,), "int32")
        sequence = tensor("sequence", (count,), "int32")
        token = tensor("token", (count,), "int32")
        times = tensor("times", (count,), "int32")
        penalty = tensor("penalty", (sequences, 3), "float32")
        with launch(ceil_div(count, 32), 32) as (bx, tx), when(bx * 32 + tx < count):
            i = let(bx * 32 + tx, "i")
            s = let(sequence[i], "s")
            index = (sequence_ids[s], token[i])
            value = let(logits[index] - (penalty[s, 0] + tirx.Cast("float32", times[i]) * penalty[s, 1]), "value")
            store(logits, index, T.if_then_else(value < f32(0), value * penalty[s, 2], value / penalty[s, 2]))

    return result


def grammar_mask() -> Kernel:
    """Forbid every token whose bit in ``mask`` (batch, ceil(vocabulary / 32)) is 0."""
    threads = 64

    @kernel("apply_bitmask_inplace", public=True)
    def result() -> None:
        batch, vocabulary, sequences, words = (symbol(n) for n in ("batch", "vocabulary", "sequences", "words"))
        logits = tensor("logits", (batch, vocabulary), "float32")
        sequence_ids = tensor("sequence_ids", (sequences,), "int32")
        mask = tensor("mask", (batch, words), "int32")
        with (
            launch((ceil_div(vocabulary, threads), sequences), threads) as (bx, s, tx),
            when(bx * threads + tx < vocabulary),
        ):
            token = let(bx * threads + tx, "token")
            sequence = let(sequence_ids[s], "sequence")
            bit = (mask[sequence, token // 32] >> (token % 32)) & 1
            with when(bit == 0):
                store(logits, (sequence, token), f32(MASKED))

    return result


@dataclass(frozen=True)
class Chunks:
    """How the two softmax passes split the vocabulary.

    ``team`` threads share a chunk: 1 on CPUs (no barriers), a workgroup on GPUs.
    """

    vocabulary: int
    team: int

    @property
    def size(self) -> int:
        """Tokens in a chunk: at most 256 chunks, which the second pass reads cheaply, of at least 64 tokens."""
        return max(64, ceil_div(self.vocabulary, 256))

    @property
    def count(self) -> int:
        return ceil_div(self.vocabulary, self.size)

    @contextmanager
    def launch(self, batch: Index) -> Iterator[tuple[Expr, Expr, Expr]]:
        """Yields (chunk, sequence, thread within the team)."""
        if self.team > 1:
            with launch((self.count, batch), self.team) as indices:
                yield indices
            return
        threads = 8
        with (
            launch((ceil_div(self.count, threads), batch), threads) as (bx, b, tx),
            when(True if self.count % threads == 0 else bx * threads + tx < self.count),
        ):
            yield let(bx * threads + tx, "chunk"), b, _i32(0)

    @contextmanager
    def tokens(self, chunk: Expr, member: Expr) -> Iterator[Expr]:
        """Loop over the thread's tokens of a chunk."""
        with loop(ceil_div(self.size, self.team)) as step:
            offset = step * self.team + member
            token = chunk * self.size + offset
            inside = token < self.vocabulary
            with when(inside if self.size % self.team == 0 else tirx.all(inside, offset < self.size)):
                yield let(token, "token")

    def reduce(self, member: Expr, value: Expr, combine: Callable[[Expr, Expr], Expr], scratch: Shared | None) -> Expr:
        """The team's combined value, in every thread."""
        if scratch is None:
            return let(value)
        result = Registers(name="combined")
        scratch[member] = value
        barrier()
        result.value = scratch[0]
        with loop(self.team - 1) as i:
            result.value = combine(result.value, scratch[i + 1])
        barrier()
        return let(result.value)

    def scratch(self) -> Shared | None:
        return Shared((self.team,), name="scratch") if self.team > 1 else None


def softmax_partial(chunks: Chunks) -> Kernel:
    """logits (batch, 1, vocabulary), temperature (batch) -> (batch, 2, chunks): each chunk's highest logit, and its sum
    of exp((logit - highest) / temperature)."""

    @kernel("softmax_partial")
    def result() -> None:
        batch = symbol("batch")
        logits = tensor("logits", (batch, 1, chunks.vocabulary), "float32")
        temperature = tensor("temperature", (batch,), "float32")
        output = tensor("output", (batch, 2, chunks.count), "float32")
        with chunks.launch(batch) as (chunk, b, member):
            scratch = chunks.scratch()
            highest = Registers(initial=f32(MASKED), name="highest")
            with chunks.tokens(chunk, member) as token:
                highest.value = T.max(highest.value, logits[b, 0, token])
            top = chunks.reduce(member, highest.value, T.max, scratch)
            inverse = let(f32(1) / temperature[b], "inverse")
            total = Registers(initial=f32(0), name="total")
            with chunks.tokens(chunk, member) as token:
                total.value = total.value + _weight(logits[b, 0, token], top, inverse)
            mass = chunks.reduce(member, total.value, lambda x, y: x + y, scratch)
            with when(True if chunks.team == 1 else member == 0):
                store(output, (b, 0, chunk), top)
                store(output, (b, 1, chunk), mass)

    return result


def softmax_finish(chunks: Chunks) -> Kernel:
    """logits, temperature, the partial sums -> probabilities (batch, 1, vocabulary)."""

    @kernel("softmax_finish")
    def result() -> None:
        batch = symbol("batch")
        logits = tensor("logits", (batch, 1, chunks.vocabulary), "float32")
        temperature = tensor("temperature", (batch,), "float32")
        partial = tensor("partial", (batch, 2, chunks.count), "float32")
        output = tensor("output", (batch, 1, chunks.vocabulary), "float32")
        with chunks.launch(batch) as (chunk, b, member):
            scratch = chunks.scratch()
            inverse = let(f32(1) / temperature[b], "inverse")
            highest = Registers(initial=f32(MASKED), name="highest")
            total = Registers(initial=f32(0), name="total")

            def partials() -> Any:
                return loop(ceil_div(chunks.count, chunks.team))

            def inside(index: Expr) -> Any:
                return when(True if chunks.count % chunks.team == 0 else index < chunks.count)

            with partials() as step:
                index = let(step * chunks.team + member, "index")
                with inside(index):
                    highest.value = T.max(highest.value, partial[b, 0, index])
            top = chunks.reduce(member, highest.value, T.max, scratch)
            with partials() as step:
                index = let(step * chunks.team + member, "index")
                with inside(index):
                    total.value = total.value + partial[b, 1, index] * _weight(partial[b, 0, index], top, inverse)
            mass = chunks.reduce(member, total.value, lambda x, y: x + y, scratch)
            factor = let(f32(1) / mass, "factor")
            with chunks.tokens(chunk, member) as token:
                store(output, (b, 0, token), _weight(logits[b, 0, token], top, inverse) * factor)

    return result


def _weight(logit: Expr, highest: Expr, inverse_temperature: Expr) -> Expr:
    # Bounded below: WGSL leaves exp of huge negative numbers to the device; e^-100 is 0 beside the highest's 1.
    return T.exp(T.max((logit - highest) * inverse_temperature, f32(-100)))


def draw(vocabulary: int, threads: int) -> Kernel:
    """One token per sample from probabilities (batch, vocabulary), by uniform numbers in [0, 1), sample_indices naming
    each sample's row, and top_p (batch).

    Kept are the fewest tokens whose probabilities reach top_p; of several with the same lowest kept probability, as
    many as are needed. Arguments follow web-llm's sample_with_top_p; the second one repeats the first.

    One workgroup per sample. ``low`` and ``high`` close in on the bits of the lowest kept probability, 15 probes
    between them at a time: mass(p >= low) reaches top_p, mass(p >= high) does not.
    """
    probes, rounds = 15, 8  # 16^8 > 2^30
    steps = ceil_div(vocabulary, threads)

    @kernel("sample_top_p")
    def result() -> None:
        batch, samples = symbol("batch"), symbol("samples")
        probabilities = tensor("probabilities", (batch, vocabulary), "float32")
        uniform = tensor("uniform", (samples,), "float32")
        rows = tensor("rows", (samples,), "int32")
        top_p = tensor("top_p", (batch,), "float32")
        output = tensor("output", (samples,), "int32")
        with launch(samples, threads) as (sample, tx):
            row = let(rows[sample], "row")
            wanted = let(top_p[row], "wanted")
            low = Registers(1, "int32", _i32(0), name="low")
            high = Registers(1, "int32", _i32(ONE_BITS + 1), name="high")
            masses = Shared((probes, threads), name="masses")
            mass_at = Shared((probes,), name="mass_at")
            mine = Registers(probes, name="mine")

            @contextmanager
            def each_token() -> Iterator[tuple[Expr, Expr]]:
                with loop(steps) as step:
                    token = step * threads + tx
                    with when(True if vocabulary % threads == 0 else token < vocabulary):
                        token = let(token, "token")
                        yield token, let(probabilities[row, token], "p")

            with when(wanted < f32(1)), loop(rounds):
                stride = let((high.value - low.value + _i32(probes)) // _i32(probes + 1), "stride")
                for j in range(probes):
                    mine[j] = f32(0)
                with each_token() as (_, p):
                    bits = let(T.reinterpret("int32", p), "bits")
                    for j in range(probes):
                        mine[j] = mine[j] + T.Select(bits >= low.value + stride * _i32(j + 1), p, f32(0))
                for j in range(probes):
                    masses[j, tx] = mine[j]
                barrier()
                with when(tx < probes):  # thread j adds up probe j
                    mine[0] = f32(0)
                    with loop(threads) as i:
                        mine[0] = mine[0] + masses[tx, i]
                    mass_at[tx] = mine[0]
                barrier()
                start, end = let(low.value, "start"), let(high.value, "end")
                for j in range(probes):
                    probe = let(start + stride * _i32(j + 1), "probe")
                    mass = let(mass_at[j], "mass")
                    with when(probe < end):
                        with when(mass >= wanted):
                            low.value = probe
                        with when(tirx.all(mass < wanted, probe < high.value)):
                            high.value = probe

            # Mass above the lowest kept probability, and how many of the tokens that tie at it are needed.
            above = Registers(initial=f32(0), name="above")
            ties = Registers(initial=f32(0), name="ties")
            with each_token() as (_, p):
                bits = let(T.reinterpret("int32", p), "bits")
                with when(bits > low.value):
                    above.value = above.value + p
                with when(bits == low.value):
                    ties.value = ties.value + f32(1)
            barrier()
            masses[0, tx] = above.value
            masses[1, tx] = ties.value
            barrier()
            with when(tx == 0):
                total = Registers(initial=f32(0), name="total")
                tied = Registers(initial=f32(0), name="tied")
                with loop(threads) as i:
                    total.value = total.value + masses[0, i]
                    tied.value = tied.value + masses[1, i]
                lowest = let(T.reinterpret("float32", low.value), "lowest")
                missing = let((wanted - total.value) / T.max(lowest, f32(1e-37)), "missing")
                needed = let(T.min(T.max(T.ceil(missing), f32(0)), tied.value), "needed")
                needed = let(T.if_then_else(lowest > f32(0), needed, f32(0)), "needed")
                goal = Registers(initial=uniform[sample] * (total.value + needed * lowest), name="goal")
                # Walk to the thread whose tokens hold the goal, then along its tokens.
                among_ties = Registers(1, "int32", _i32(0), name="among_ties")
                with when(tirx.all(goal.value >= total.value, needed > f32(0))):
                    among_ties.value = _i32(1)
                    rank = T.floor((goal.value - total.value) / T.max(lowest, f32(1e-37)))
                    goal.value = T.min(rank, needed - f32(1)) + f32(0.5)
                owner = Registers(1, "int32", _i32(-1), name="owner")
                last = Registers(1, "int32", _i32(0), name="last")
                inside = Registers(initial=f32(0), name="inside")
                passed = Registers(initial=f32(0), name="passed")
                with loop(threads) as i:
                    share = let(masses[among_ties.value, i], "share")
                    with when(share > f32(0)):
                        last.value = i
                        with when(tirx.all(owner.value < 0, passed.value + share > goal.value)):
                            owner.value = i
                            inside.value = goal.value - passed.value
                        passed.value = passed.value + share
                with when(owner.value < 0):  # rounding: the sum fell short of the goal
                    owner.value = last.value
                    inside.value = f32(MASKED) * f32(-1)
                found = Registers(1, "int32", _i32(-1), name="found")
                last.value = _i32(0)
                passed.value = f32(0)
                with loop(steps) as step:
                    token = let(step * threads + owner.value, "token")
                    with when(True if vocabulary % threads == 0 else token < vocabulary):
                        p = let(probabilities[row, token], "p")
                        bits = let(T.reinterpret("int32", p), "bits")
                        counted = T.if_then_else(
                            among_ties.value == 1,
                            T.if_then_else(bits == low.value, f32(1), f32(0)),
                            T.if_then_else(bits > low.value, p, f32(0)),
                        )
                        share = let(counted, "share")
                        with when(share > f32(0)):
                            passed.value = passed.value + share
                            last.value = token
                            with when(tirx.all(found.value < 0, passed.value > inside.value)):
                                found.value = token
                store(output, sample, T.if_then_else(found.value < 0, last.value, found.value))

    return result


def _i32(value: int) -> Expr:
    return tirx.const(value, "int32")
