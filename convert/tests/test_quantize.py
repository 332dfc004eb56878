"""Quantisation: properties over arbitrary matrices, and the exact bits of MLC's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.torch import load_file, save_file
from tiny import FAMILIES, tiny_checkpoint

from hypnos_convert import quantize as module
from hypnos_convert.checkpoint import Checkpoint
from hypnos_convert.compile.config import ModelConfig
from hypnos_convert.compile.parameters import QUANTIZATIONS, parameters
from hypnos_convert.errors import InputError
from hypnos_convert.quantize import dequantize, encode, quantize, reference_weights

SCALES = [torch.float16, torch.float32]
SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 100))
MATRICES = hnp.arrays(np.float32, SHAPES, elements=st.floats(-1e3, 1e3, width=32))


def padded(columns: int) -> int:
    return -(-columns // 32) * 32


@pytest.mark.parametrize("dtype", SCALES)
@given(matrix=MATRICES)
def test_round_trip_errs_by_half_a_step_at_most(dtype: torch.dtype, matrix: np.ndarray):
    weight = torch.from_numpy(matrix)
    rows, columns = weight.shape
    q_weight, q_scale = quantize(weight, dtype)
    assert (q_weight.shape, q_weight.dtype) == ((rows, padded(columns) // 8), np.uint32)
    assert (q_scale.shape, q_scale.dtype) == ((rows, padded(columns) // 32), dtype)
    step = q_scale.float().repeat_interleave(32, dim=1)[:, :columns]
    # The outermost level can be short of the peak by what rounding the scale to its type takes away.
    slack = 7 * step * torch.finfo(dtype).eps + 7 * torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
    error = (dequantize(q_weight, q_scale, columns) - weight).abs()
    assert bool((error <= step / 2 + slack + 1e-6 * weight.abs()).all())


@pytest.mark.parametrize("dtype", SCALES)
@given(
    levels=hnp.arrays(np.int8, SHAPES, elements=st.integers(-7, 7)),
    exponent=st.integers(-8, 4),
)
def test_representable_values_come_back_exactly(dtype: torch.dtype, levels: np.ndarray, exponent: int):
    levels[:, ::32] = 7  # every group reaches its outermost level
    weight = torch.from_numpy(levels).float() * 2.0**exponent
    assert torch.equal(dequantize(*quantize(weight, dtype), columns=weight.shape[1]), weight)


@given(matrix=MATRICES)
def test_quantising_again_changes_nothing(matrix: np.ndarray):
    weight = torch.from_numpy(matrix)
    first = dequantize(*quantize(weight, torch.float32), columns=weight.shape[1])
    second = dequantize(*quantize(first, torch.float32), columns=weight.shape[1])
    torch.testing.assert_close(second, first, rtol=1e-6, atol=0)


def test_layout_bit_by_bit():
    weight = torch.zeros(2, 40)
    weight[0, :8] = torch.tensor([7.0, -7.0, 0.0, 1.0, -1.0, 3.4, -3.6, 6.0])
    weight[1, 39] = 14.0
    q_weight, q_scale = quantize(weight, torch.float16)
    #                              6 -> 13, -3.6 -> 3, 3.4 -> 10, -1 -> 6, 1 -> 8, 0 -> 7, -7 -> 0, 7 -> 14
    assert q_weight[0, 0] == 0xD3A6870E
    assert q_weight[0, 1] == 0x77777777
    assert q_weight[1, 4] == 0xE7777777
    assert q_weight[1, 5] == 0x77777777, "padding is zero"
    assert q_scale.tolist() == [[1.0, 0.0], [0.0, 2.0]]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_not_finite_weights_are_refused(bad: float):
    weight = torch.ones(3, 50)
    weight[2, 49] = bad
    with pytest.raises(ValueError, match="1 of 150 weights are NaN or infinite"):
        quantize(weight, torch.float32)


def test_scales_beyond_float16_are_refused():
    with pytest.raises(ValueError, match="too large for float16"):
        quantize(torch.full((1, 32), 1e6), torch.float16)


def test_weights_below_float16_become_zero():
    q_weight, q_scale = quantize(torch.full((1, 32), 1e-9), torch.float16)
    assert torch.equal(dequantize(q_weight, q_scale, 32), torch.zeros(1, 32))


def stream(folder: Path, quantization: str) -> dict[str, bytes]:
    checkpoint = Checkpoint.open(folder)
    specs = parameters(ModelConfig.from_hf(checkpoint.config), quantization)
    made: dict[str, bytes] = {}
    for block in encode(checkpoint, specs, quantization):
        made[block.name] = made.get(block.name, b"") + bytes(block.data)
    assert {spec.name: spec.nbytes for spec in specs} == {name: len(data) for name, data in made.items()}
    return made


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_of_every_family_has_its_bytes(tmp_path: Path, family: str, quantization: str):
    # 264 and 360 columns are no multiples of 32, 523 rows of nothing.
    sizes = {"vocab_size": 523, "hidden_size": 264, "intermediate_size": 360}
    stream(tiny_checkpoint(tmp_path, family, **sizes), quantization)


def test_blocks_do_not_change_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tiny_checkpoint(tmp_path, "qwen2", vocab_size=523)
    whole = stream(folder, "q4f16_1")
    monkeypatch.setattr(module, "BLOCK_ELEMENTS", 1000)
    assert stream(folder, "q4f16_1") == whole


def test_reference_weights_are_what_the_streamed_bytes_mean(tmp_path: Path):
    folder = tiny_checkpoint(tmp_path, "qwen2")
    made, reference = stream(folder, "q4f32_1"), reference_weights(folder, "q4f32_1")
    assert reference.keys() == {*load_file(folder / "model.safetensors"), "lm_head.weight"}
    name = "model.layers.1.self_attn.qkv_proj"
    q_weight = np.frombuffer(made[f"{name}.q_weight"], "<u4").reshape(512, 32)
    q_scale = np.frombuffer(made[f"{name}.q_scale"], "<f4").reshape(512, 8)
    fused = torch.cat([reference[f"model.layers.1.self_attn.{p}_proj.weight"] for p in "qkv"])
    assert torch.equal(dequantize(q_weight, torch.from_numpy(q_scale.copy()), 256), fused)


@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16])
def test_half_precision_checkpoints_are_cast_exactly(tmp_path: Path, stored: torch.dtype):
    folder = tiny_checkpoint(tmp_path, "llama", dtype=stored)
    weights = load_file(folder / "model.safetensors")
    made = stream(folder, "q0f32")
    embedding = np.frombuffer(made["model.embed_tokens.weight"], "<f4").reshape(512, 256)
    assert np.array_equal(embedding, weights["model.embed_tokens.weight"].float().numpy())


@pytest.mark.parametrize("name", ["model.layers.1.mlp.down_proj.weight", "model.norm.weight"])
@pytest.mark.parametrize("quantization", ["q4f32_1", "q0f16"])
def test_a_bad_weight_is_named(tmp_path: Path, name: str, quantization: str):
    folder = tiny_checkpoint(tmp_path, "qwen2")
    weights = load_file(folder / "model.safetensors")
    weights[name].view(-1)[-1] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=rf"model\.safetensors: tensor {name}: 1 of \d+ weights are NaN"):
        stream(folder, quantization)


def test_a_weight_too_large_for_float16_is_named(tmp_path: Path):
    folder = tiny_checkpoint(tmp_path, "qwen2")
    weights = load_file(folder / "model.safetensors")
    weights["model.norm.weight"][0] = 1e6
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"model\.norm\.weight: a weight is too large for float16"):
        stream(folder, "q0f16")
