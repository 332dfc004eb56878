"""Four-bit group quantisation in MLC's q4 layout, and its inverse, over torch tensors on the CPU.

Layout, for a matrix W (rows = outputs, columns = inputs): columns are padded with zeros to a multiple of 32. Each
group of 32 columns shares one scale ``s = max|w| / 7``; a nibble ``q = round(w / s) + 7`` in 0..14 stands for
``(q - 7) * s``; eight nibbles share one little-endian uint32, the first column in the lowest four bits. A group of
zeros has scale 0 and nibbles 7.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from .checkpoint import Checkpoint
from .compile.config import ModelConfig
from .compile.parameters import GROUP, PER_WORD, Encoding, ParameterSpec, Source, parameters, quantization_named
from .errors import InputError

LEVELS = 7
"""Steps on either side of zero."""

BLOCK_ELEMENTS = 1 << 22
"""Weights that are worked on at a time: 16 MiB as float32, and a few times that in temporaries."""


def quantize(weight: torch.Tensor, scale_dtype: torch.dtype) -> tuple[np.ndarray, torch.Tensor]:
    """Quantise a matrix.

    Args:
        weight: (rows, columns), any floating-point type.
        scale_dtype: type of the scales, float16 or float32.

    Returns:
        Packed nibbles, (rows, padded columns / 8) uint32, and scales, (rows, padded columns / 32) ``scale_dtype``.

    Raises:
        ValueError: a weight is NaN or infinite, or a scale does not fit ``scale_dtype``.
    """
    rows, columns = weight.shape
    grouped = F.pad(weight.float(), (0, -columns % GROUP)).view(rows, -1, GROUP)
    peak = grouped.abs().amax(-1)
    if not torch.isfinite(peak).all():
        raise ValueError(_not_finite(weight))
    scale = (peak / LEVELS).to(scale_dtype)
    if not torch.isfinite(scale).all():
        raise ValueError(f"a weight of {peak.max().item():.6g} is too large for {_type_name(scale_dtype)} scales")
    divisor = torch.where(scale == 0, torch.inf, scale.float()).unsqueeze(-1)
    # A scale rounded down to float16 lets the largest weight round past the outermost step: hence the clamp.
    nibbles = grouped.div_(divisor).round_().clamp_(-LEVELS, LEVELS).add_(LEVELS).to(torch.uint8)
    pairs = nibbles.view(rows, -1, 2)
    packed = (pairs[..., 0] | (pairs[..., 1] << 4)).contiguous()
    return packed.numpy().view("<u4"), scale


def dequantize(q_weight: np.ndarray, q_scale: torch.Tensor | np.ndarray, columns: int) -> torch.Tensor:
    """The weights that a compiled library computes with.

    Args:
        q_weight: (rows, padded columns / 8) uint32.
        q_scale: (rows, padded columns / 32), float16 or float32.
        columns: columns before padding.

    Returns:
        (rows, columns) float32.
    """
    words = torch.from_numpy(q_weight.view(np.int32).copy())
    shifts = torch.arange(0, 4 * PER_WORD, 4, dtype=torch.int32)
    nibbles = (words.unsqueeze(-1) >> shifts) & 15
    rows = q_weight.shape[0]
    scale = torch.as_tensor(q_scale).float().unsqueeze(-1)
    return ((nibbles.view(rows, -1, GROUP) - LEVELS) * scale).view(rows, -1)[:, :columns].contiguous()


@dataclass(frozen=True)
class EncodedBlock:
    """A run of a parameter's bytes, in order. ``source_bytes`` is what was read for it, for the progress bar."""

    name: str
    data: memoryview
    source_bytes: int = 0


def encode(checkpoint: Checkpoint, specs: Sequence[ParameterSpec], quantization: str) -> Iterator[EncodedBlock]:
    """Stream the bytes of ``specs``, in order, reading each tensor of the checkpoint once and block by block.

    Memory: one block of rows and its temporaries, and the scales of one matrix.

    Raises:
        InputError: NaN or infinite weights, or weights too large for the format; the message names the tensor.
    """
    dtype = getattr(torch, quantization_named(quantization).dtype)
    # A matrix's Q4_WEIGHT and Q4_SCALE follow each other and share their sources: one pass makes both, or the one of
    # them that is asked for.
    for sources, group in groupby(specs, key=lambda spec: spec.sources):
        by_encoding = {spec.encoding: spec for spec in group}
        if Encoding.CAST in by_encoding:
            yield from _cast(checkpoint, by_encoding[Encoding.CAST].name, sources, dtype)
            continue
        weight, scale = by_encoding.get(Encoding.Q4_WEIGHT), by_encoding.get(Encoding.Q4_SCALE)
        scales = []
        for source, block, size in _blocks(checkpoint, sources):
            try:
                packed, block_scales = quantize(block, dtype)
            except ValueError as error:
                raise _bad_weight(checkpoint, source, error) from error
            scales.append(block_scales)
            if weight is not None:
                yield EncodedBlock(weight.name, _bytes_of(packed), size)
        if scale is not None:
            yield EncodedBlock(scale.name, _bytes_of(torch.cat(scales).numpy()))


def reference_weights(folder: str | Path, quantization: str) -> dict[str, torch.Tensor]:
    """The float32 state dict, under the checkpoint's own names, that a library of ``quantization`` computes with.

    Load it into the transformers model to compare logits. Matrices went through quantisation and back, vectors through
    the activation type. Holds the whole model in memory.
    """
    checkpoint = Checkpoint.open(folder)
    format_ = quantization_named(quantization)
    dtype = getattr(torch, format_.dtype)
    state: dict[str, torch.Tensor] = {}
    for spec in parameters(ModelConfig.from_hf(checkpoint.config), quantization):
        for source in spec.sources:
            if spec.encoding is Encoding.Q4_SCALE:
                continue
            tensor = torch.cat(list(checkpoint.rows(source.name)))
            if spec.encoding is Encoding.Q4_WEIGHT:
                state[source.name] = dequantize(*quantize(tensor, dtype), columns=tensor.shape[1])
            else:
                state[source.name] = tensor.to(dtype).float()
    if checkpoint.config.get("tie_word_embeddings"):
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    return state


def _cast(checkpoint: Checkpoint, name: str, sources: Iterable[Source], dtype: torch.dtype) -> Iterator[EncodedBlock]:
    for source, block, size in _blocks(checkpoint, sources):
        cast = block.to(dtype)
        if not torch.isfinite(cast).all():
            finite = torch.isfinite(block).all()
            reason = f"a weight is too large for {_type_name(dtype)}" if finite else _not_finite(block)
            raise _bad_weight(checkpoint, source, reason)
        yield EncodedBlock(name, _bytes_of(cast.contiguous().numpy()), size)


def _blocks(checkpoint: Checkpoint, sources: Iterable[Source]) -> Iterator[tuple[Source, torch.Tensor, int]]:
    for source in sources:
        row = int(np.prod(source.shape[1:], dtype=np.int64))
        for block in checkpoint.rows(source.name, max(1, BLOCK_ELEMENTS // row)):
            yield source, block, block.numel() * block.element_size()


def _bytes_of(array: np.ndarray) -> memoryview:
    return memoryview(np.ascontiguousarray(array)).cast("B")


def _not_finite(weight: torch.Tensor) -> str:
    bad = int((~torch.isfinite(weight)).sum())
    return f"{bad} of {weight.numel()} weights are NaN or infinite"


def _type_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _bad_weight(checkpoint: Checkpoint, source: Source, reason: object) -> InputError:
    path = checkpoint.tensors[source.name].path
    return InputError(f"{path}: tensor {source.name}: {reason}; the checkpoint is damaged or its training diverged")
