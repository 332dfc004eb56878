"""Every parameter of a compiled library and the checkpoint tensors it is made of.

The way through: a checkpoint's tensors are cast, or quantised, into exactly the parameters that ``parameters(config,
quantization)`` lists; the library's metadata names the same ones in the same order, and web-llm matches them by name.

Layout of the 4-bit formats, for a matrix W (rows = outputs, columns = inputs): columns are padded with zeros to a
multiple of 32. Each group of 32 columns shares one scale ``s``; eight columns share one uint32, the first in the
lowest four bits. A stored nibble ``q`` in 0..14 stands for ``(q - 7) * s``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from .config import ModelConfig

GROUP = 32
"""Input columns that share one scale."""

PER_WORD = 8
"""Nibbles in a uint32."""


@dataclass(frozen=True)
class Quantization:
    """A weight format; names follow MLC (``q<bits>f<activation bits>_<layout>``)."""

    name: str
    dtype: str
    four_bit: bool


QUANTIZATIONS = {
    "q4f16_1": Quantization("q4f16_1", "float16", True),
    "q4f32_1": Quantization("q4f32_1", "float32", True),
    "q0f16": Quantization("q0f16", "float16", False),
    "q0f32": Quantization("q0f32", "float32", False),
}


class Encoding(Enum):
    """How a parameter's values follow from its source rows."""

    CAST = "cast"
    """The source values in ``dtype``."""
    Q4_WEIGHT = "q4_weight"
    """Packed nibbles, (rows, padded columns / 8) uint32."""
    Q4_SCALE = "q4_scale"
    """Group scales, (rows, padded columns / 32) in ``dtype``."""


@dataclass(frozen=True)
class Source:
    """A tensor of the checkpoint and the shape it must have."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class ParameterSpec:
    """One parameter of the library.

    ``sources`` are concatenated along axis 0, in order, and then encoded. The Q4_WEIGHT of a matrix is always followed
    directly by its Q4_SCALE with the same sources.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    encoding: Encoding
    sources: tuple[Source, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * (2 if self.dtype == "float16" else 4)


def parameters(config: ModelConfig, quantization: str) -> list[ParameterSpec]:
    """All parameters, in the order in which the library's metadata lists them.

    Raises:
        ValueError: unknown quantization; the message lists the known ones.
    """
    return list(_parameters(config, quantization_named(quantization)))


def quantization_named(name: str) -> Quantization:
    """Look a format up.

    Raises:
        ValueError: unknown name; the message lists the known ones.
    """
    try:
        return QUANTIZATIONS[name]
    except KeyError:
        raise ValueError(f"unknown quantization {name!r}; supported are {', '.join(QUANTIZATIONS)}") from None


def unquantized_count(config: ModelConfig) -> int:
    """Weights before quantisation, tied embeddings counted once."""
    seen = {s.name: math.prod(s.shape) for p in parameters(config, "q0f32") for s in p.sources}
    return sum(seen.values())


def _parameters(config: ModelConfig, quantization: Quantization) -> Iterator[ParameterSpec]:
    hidden = config.hidden_size

    def matrix(name: str, *sources: tuple[str, int], columns: int) -> Iterator[ParameterSpec]:
        rows = sum(r for _, r in sources)
        made_of = tuple(Source(f"{source}.weight", (r, columns)) for source, r in sources)
        if not quantization.four_bit:
            yield ParameterSpec(f"{name}.weight", (rows, columns), quantization.dtype, Encoding.CAST, made_of)
            return
        groups = -(-columns // GROUP)
        words = groups * GROUP // PER_WORD
        yield ParameterSpec(f"{name}.q_weight", (rows, words), "uint32", Encoding.Q4_WEIGHT, made_of)
        yield ParameterSpec(f"{name}.q_scale", (rows, groups), quantization.dtype, Encoding.Q4_SCALE, made_of)

    def vector(name: str, *sources: tuple[str, int]) -> Iterator[ParameterSpec]:
        made_of = tuple(Source(source, (size,)) for source, size in sources)
        size = sum(size for _, size in sources)
        yield ParameterSpec(name, (size,), quantization.dtype, Encoding.CAST, made_of)

    yield from matrix("model.embed_tokens", ("model.embed_tokens", config.vocab_size), columns=hidden)
    for i in range(config.num_layers):
        layer = f"model.layers.{i}"
        attention, mlp = f"{layer}.self_attn", f"{layer}.mlp"
        qkv = [(f"{attention}.q_proj", config.query_size)]
        qkv += [(f"{attention}.{p}_proj", config.kv_size) for p in "kv"]
        yield from vector(f"{layer}.input_layernorm.weight", (f"{layer}.input_layernorm.weight", hidden))
        yield from matrix(f"{attention}.qkv_proj", *qkv, columns=hidden)
        if config.qkv_bias:
            yield from vector(f"{attention}.qkv_proj.bias", *((f"{name}.bias", rows) for name, rows in qkv))
        if config.qk_norm:
            for p in "qk":
                yield from vector(f"{attention}.{p}_norm.weight", (f"{attention}.{p}_norm.weight", config.head_dim))
        yield from matrix(f"{attention}.o_proj", (f"{attention}.o_proj", hidden), columns=config.query_size)
        if config.output_bias:
            yield from vector(f"{attention}.o_proj.bias", (f"{attention}.o_proj.bias", hidden))
        post = f"{layer}.post_attention_layernorm.weight"
        yield from vector(post, (post, hidden))
        gate_up = [(f"{mlp}.{p}_proj", config.intermediate_size) for p in ("gate", "up")]
        yield from matrix(f"{mlp}.gate_up_proj", *gate_up, columns=hidden)
        yield from matrix(f"{mlp}.down_proj", (f"{mlp}.down_proj", hidden), columns=config.intermediate_size)
    yield from vector("model.norm.weight", ("model.norm.weight", hidden))
    if not config.tied_embeddings:
        yield from matrix("lm_head", ("lm_head", config.vocab_size), columns=hidden)
