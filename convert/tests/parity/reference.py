"""What a package ought to compute: transformers in float32, holding the very weights that lie in the package.

The package is read by code of its own (``package_weights``), not by the converter's, so an error in what the converter
packs shows as a difference.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from hypnos_convert.compile.config import ModelConfig
from hypnos_convert.compile.parameters import parameters

TOLERANCE = 1e-3
"""Largest absolute difference of a logit."""


def package_weights(package: Path) -> dict[str, np.ndarray]:
    """The tensors of a package by name, as stored."""
    weights = {}
    for shard in json.loads((package / "tensor-cache.json").read_text())["records"]:
        content = (package / shard["dataPath"]).read_bytes()
        for tensor in shard["records"]:
            assert tensor["format"] == "raw"
            size = int(np.prod(tensor["shape"]))
            values = np.frombuffer(content, tensor["dtype"], size, tensor["byteOffset"])
            weights[tensor["name"]] = values.reshape(tensor["shape"])
    return weights


def dequantized(q_weight: np.ndarray, q_scale: np.ndarray, columns: int) -> np.ndarray:
    """(rows, columns) float32 from 4-bit groups of 32: eight per uint32, lowest bits first, 7 standing for zero."""
    nibbles = (q_weight[:, :, None] >> np.arange(0, 32, 4, dtype=np.uint32)) & 15
    steps = nibbles.reshape(len(q_weight), -1).astype(np.float32) - 7
    return (steps * np.repeat(q_scale.astype(np.float32), 32, axis=1))[:, :columns]


def checkpoint_state(package: Path, config: ModelConfig, quantization: str) -> dict[str, torch.Tensor]:
    """The package's weights, dequantised to float32, under the names that the checkpoint has for them."""
    stored = package_weights(package)
    state = {}
    for spec in parameters(config, quantization):
        if spec.name.endswith(".q_scale"):
            continue
        values = stored[spec.name]
        if spec.name.endswith(".q_weight"):
            scale = stored[spec.name.removesuffix(".q_weight") + ".q_scale"]
            values = dequantized(values, scale, spec.sources[0].shape[1])
        rows = np.cumsum([source.shape[0] for source in spec.sources])[:-1]
        for source, part in zip(spec.sources, np.split(values.astype(np.float32), rows), strict=True):
            state[source.name] = torch.from_numpy(part.copy())
    return state


def checkpoint_model(checkpoint: Path) -> PreTrainedModel:
    """The checkpoint as transformers runs it, in float32."""
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32, attn_implementation="eager")
    return model.eval()


def package_model(checkpoint: Path, package: Path, quantization: str) -> PreTrainedModel:
    """The checkpoint with its weights replaced by the package's."""
    model = checkpoint_model(checkpoint)
    config = ModelConfig.from_hf(json.loads((checkpoint / "config.json").read_text()))
    missing, unexpected = model.load_state_dict(checkpoint_state(package, config, quantization), strict=False)
    tied = {"lm_head.weight"} if model.config.tie_word_embeddings else set()
    assert set(missing) <= tied and not unexpected, (missing, unexpected)
    model.tie_weights()
    return model


@torch.no_grad()
def logits(model: PreTrainedModel, ids: Sequence[int]) -> np.ndarray:
    """(tokens, vocabulary): row i is computed from ids[: i + 1]."""
    return model(torch.tensor([list(ids)]), use_cache=False).logits[0].numpy()


def greedy(model: PreTrainedModel, ids: Sequence[int], count: int) -> list[int]:
    """The ``count`` most probable next tokens, one after another."""
    sequence = list(ids)
    for _ in range(count):
        sequence.append(int(logits(model, sequence)[-1].argmax()))
    return sequence[len(ids) :]


@torch.no_grad()
def sliding_logits(
    model: PreTrainedModel, ids: Sequence[int], chunks: Sequence[int], window: int, sink: int
) -> np.ndarray:
    """As ``logits`` for a Mistral model whose KV cache keeps ``window`` tokens: the first ``sink`` and the last ones.

    transformers has no attention sink; this follows StreamingLLM (Xiao et al. 2023, section 3.2) as TVM's paged cache
    implements it: a chunk attends to the cache and causally to itself, then the oldest tokens behind the sink are
    dropped, and a key's rotary position is its place in the cache, not in the text.
    """
    assert sum(chunks) == len(ids)
    decoder = model.model
    heads, size = model.config.num_attention_heads, model.config.head_dim
    cache: list[tuple[torch.Tensor, torch.Tensor]] = [(torch.empty(0), torch.empty(0))] * len(decoder.layers)
    cached, rows, start = 0, [], 0
    for length in chunks:
        hidden = decoder.embed_tokens(torch.tensor([list(ids[start : start + length])]))
        start += length
        cos, sin = decoder.rotary_emb(hidden, torch.arange(cached + length).unsqueeze(0))
        visible = torch.arange(cached + length) <= torch.arange(cached, cached + length).unsqueeze(1)
        for i, layer in enumerate(decoder.layers):
            attention = layer.self_attn
            normed = layer.input_layernorm(hidden)
            query, key, value = (
                projection(normed).view(1, length, -1, size).transpose(1, 2)
                for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
            )
            if cached:
                key, value = (torch.cat(pair, dim=2) for pair in zip(cache[i], (key, value), strict=True))
            cache[i] = (key, value)
            query, _ = apply_rotary_pos_emb(query, query, cos[:, cached:], sin[:, cached:])
            key, _ = apply_rotary_pos_emb(key, key, cos, sin)
            key, value = (t.repeat_interleave(heads // t.shape[1], dim=1) for t in (key, value))
            mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=visible)
            hidden = hidden + attention.o_proj(mixed.transpose(1, 2).reshape(1, length, -1))
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
        rows.append(model.lm_head(decoder.norm(hidden))[0])
        cached += length
        if cached > window:
            kept = torch.cat([torch.arange(sink), torch.arange(sink + cached - window, cached)])
            cache = [(key[:, :, kept], value[:, :, kept]) for key, value in cache]
            cached = window
    return torch.cat(rows).numpy()


def assert_same_logits(found: np.ndarray, expected: np.ndarray, *, tolerance: float = TOLERANCE) -> None:
    """Compare logits (rows, vocabulary), or a selection of them; the message names the worst.

    Raises:
        AssertionError: shapes differ, a value is not finite, or a difference exceeds ``tolerance``.
    """
    assert found.shape == expected.shape, f"logits of shape {found.shape}, expected {expected.shape}"
    difference = np.abs(found.astype(np.float64) - expected)
    where = np.unravel_index(np.nan_to_num(difference, nan=np.inf).argmax(), difference.shape)
    worst = difference[where]
    assert worst <= tolerance, (
        f"logit {tuple(map(int, where))} is {found[where]:.6f}, expected {expected[where]:.6f}: difference "
        f"{worst:.2e} exceeds {tolerance:.0e}, as do {np.sum(~(difference <= tolerance))} of {difference.size}"
    )
