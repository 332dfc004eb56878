"""The parameter list covers a real checkpoint exactly, with the shapes the 4-bit layout needs."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from tiny import tiny_checkpoint
from transformers import AutoModelForCausalLM

from hypnos_convert.compile.config import ModelConfig
from hypnos_convert.compile.parameters import QUANTIZATIONS, Encoding, parameters, unquantized_count


@pytest.fixture(scope="module", params=["llama", "mistral", "qwen2", "qwen3"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("checkpoint") / request.param
    tiny_checkpoint(folder, request.param)
    return AutoModelForCausalLM.from_pretrained(folder)


def config_of(model) -> ModelConfig:
    return ModelConfig.from_hf({**model.config.to_dict(), "architectures": [type(model).__name__]})


@pytest.mark.parametrize("quantization", QUANTIZATIONS)
def test_every_tensor_of_the_checkpoint_is_used_once(model, quantization: str) -> None:
    config = config_of(model)
    tensors = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    if config.tied_embeddings:
        del tensors["lm_head.weight"]
    specs = [spec for spec in parameters(config, quantization) if spec.encoding is not Encoding.Q4_SCALE]
    used = Counter(source.name for spec in specs for source in spec.sources)
    assert used == Counter(list(tensors))
    assert {source.name: source.shape for spec in specs for source in spec.sources} == tensors
    assert unquantized_count(config) == sum(math.prod(shape) for shape in tensors.values())


@pytest.mark.parametrize("quantization", ["q4f16_1", "q4f32_1"])
def test_four_bit_pairs(model, quantization: str) -> None:
    specs = parameters(config_of(model), quantization)
    weights = [i for i, spec in enumerate(specs) if spec.encoding is Encoding.Q4_WEIGHT]
    assert weights
    for i in weights:
        weight, scale = specs[i], specs[i + 1]
        assert scale.encoding is Encoding.Q4_SCALE and scale.sources == weight.sources
        rows = sum(source.shape[0] for source in weight.sources)
        columns = weight.sources[0].shape[1]
        groups = math.ceil(columns / 32)
        assert weight.shape == (rows, groups * 4) and weight.dtype == "uint32"
        assert scale.shape == (rows, groups) and scale.dtype == QUANTIZATIONS[quantization].dtype
        assert weight.nbytes == rows * groups * 16


def test_names_are_unique_and_unknown_formats_refused(model) -> None:
    config = config_of(model)
    names = [spec.name for spec in parameters(config, "q4f16_1")]
    assert len(set(names)) == len(names)
    with pytest.raises(ValueError, match=r"'q8f16'.*q4f16_1"):
        parameters(config, "q8f16")
