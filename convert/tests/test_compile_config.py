"""config.json in, ModelConfig out; what the kernels cannot do is refused by name."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.mistral.modeling_mistral import MistralRotaryEmbedding
from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding
from transformers.models.qwen3.modeling_qwen3 import Qwen3RotaryEmbedding

from hypnos_convert.compile.config import FAMILIES, HEAD_DIMS, Llama3Rope, ModelConfig, UnsupportedModelError
from hypnos_convert.compile.kernels.attention import inverse_frequencies

PLAIN: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 256,
    "intermediate_size": 704,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 2,
    "vocab_size": 1000,
    "max_position_embeddings": 2048,
}


def read(**changes: Any) -> ModelConfig:
    return ModelConfig.from_hf({key: value for key, value in {**PLAIN, **changes}.items() if value is not ...})


@pytest.mark.parametrize(
    ("make", "architecture", "expected"),
    [
        (LlamaConfig, "LlamaForCausalLM", {"qkv_bias": False, "qk_norm": False, "sliding_window": None}),
        (MistralConfig, "MistralForCausalLM", {"qkv_bias": False, "qk_norm": False, "sliding_window": 4096}),
        (Qwen2Config, "Qwen2ForCausalLM", {"qkv_bias": True, "output_bias": False, "sliding_window": None}),
        (Qwen3Config, "Qwen3ForCausalLM", {"qkv_bias": False, "qk_norm": True, "sliding_window": None}),
    ],
)
def test_reads_what_transformers_writes(make: Any, architecture: str, expected: dict[str, Any]) -> None:
    source = make(architectures=[architecture], max_position_embeddings=8192)
    config = ModelConfig.from_hf(source.to_dict())
    assert config.family == FAMILIES[architecture]
    assert (config.num_heads, config.num_kv_heads) == (source.num_attention_heads, source.num_key_value_heads)
    assert config.head_dim == 128
    assert config.rope_theta == 10000.0
    assert {name: getattr(config, name) for name in expected} == expected


def test_rope_of_transformers_4_and_5() -> None:
    llama3 = {
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    expected = Llama3Rope(8.0, 1.0, 4.0, 8192)
    new = read(rope_parameters={"rope_type": "llama3", "rope_theta": 500000.0, **llama3})
    old = read(rope_theta=500000.0, rope_scaling={"rope_type": "llama3", **llama3})
    oldest = read(rope_theta=500000.0, rope_scaling={"type": "llama3", **llama3})
    for config in (new, old, oldest):
        assert config.rope_theta == 500000.0
        assert config.rope_scaling == expected


ROTARY: dict[str, tuple[Any, Any]] = {
    "LlamaForCausalLM": (LlamaConfig, LlamaRotaryEmbedding),
    "MistralForCausalLM": (MistralConfig, MistralRotaryEmbedding),
    "Qwen2ForCausalLM": (Qwen2Config, Qwen2RotaryEmbedding),
    "Qwen3ForCausalLM": (Qwen3Config, Qwen3RotaryEmbedding),
}
SCALED: dict[str, Any] = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 256,
}
PLAIN_ROPE = {"rope_type": "default", "rope_theta": 5e5}
READ: dict[str, dict[str, Any]] = {
    "nothing": {},
    "theta alone": {"rope_theta": 7e5},
    "both": {"rope_parameters": PLAIN_ROPE, "rope_scaling": SCALED},
    "both, theta outside": {"rope_parameters": PLAIN_ROPE, "rope_scaling": SCALED, "rope_theta": 7e5},
    "both, theta inside": {
        "rope_parameters": PLAIN_ROPE,
        "rope_scaling": {**SCALED, "rope_theta": 9e5},
        "rope_theta": 7e5,
    },
    "both, the old one plain": {"rope_parameters": {**SCALED, "rope_theta": 5e5}, "rope_scaling": {"type": "default"}},
    "the old one empty": {"rope_parameters": PLAIN_ROPE, "rope_scaling": {}, "rope_theta": 7e5},
    "the old one null": {"rope_parameters": {**SCALED, "rope_theta": 5e5}, "rope_scaling": None},
    "the new one null": {"rope_parameters": None, "rope_theta": 7e5},
    "theta beside the new one": {"rope_parameters": {"rope_type": "default"}, "rope_theta": 7e5},
    "theta twice": {"rope_parameters": PLAIN_ROPE, "rope_theta": 7e5},
    "type and rope_type": {"rope_scaling": {**SCALED, "type": "linear"}},
    "no type": {"rope_scaling": {"factor": 2.0}, "rope_theta": 7e5},
    "original context outside": {"rope_scaling": SCALED, "original_max_position_embeddings": 512},
    "original context absent": {"rope_scaling": {k: v for k, v in SCALED.items() if not k.startswith("original")}},
    "partial, null": {"rope_theta": 7e5, "partial_rotary_factor": None},
    "partial, whole": {"rope_parameters": {**SCALED, "partial_rotary_factor": 1.0}},
}


@pytest.mark.parametrize("architecture", FAMILIES)
@pytest.mark.parametrize("name", READ)
def test_frequencies_are_those_of_transformers(name: str, architecture: str) -> None:
    source = {**PLAIN, "architectures": [architecture], "head_dim": 64, **READ[name]}
    config_class, rotary_class = ROTARY[architecture]
    expected = rotary_class(config_class.from_dict(copy.deepcopy(source)))
    config = ModelConfig.from_hf(source)
    found = inverse_frequencies(config.head_dim, config.rope_theta, config.rope_scaling)
    assert expected.attention_scaling == 1
    np.testing.assert_allclose(found, expected.inv_freq.numpy(), rtol=2e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rope_scaling": "x"}, "rope_scaling must be an object, found 'x'"),
        ({"rope_scaling": []}, r"rope_scaling must be an object, found \[\]"),
        ({"rope_scaling": False, "rope_parameters": PLAIN_ROPE}, "rope_scaling must be an object, found False"),
        ({"rope_parameters": [1]}, "rope_parameters must be an object"),
        ({"rope_theta": None}, "rope_theta must be a number, found None"),
        ({"rope_parameters": {"rope_theta": None}, "rope_theta": 5e5}, "rope_parameters: rope_theta must be a number"),
        ({"rope_theta": "10000"}, "rope_theta must be a number.*found '10000'"),
        ({"rope_theta": 1e300}, "rope_theta must be a number"),
        ({"rope_scaling": {**SCALED, "rope_type": None, "type": "llama3"}}, "rope_scaling: rope_type must be one of"),
        ({"rope_scaling": {**SCALED, "rope_type": ["llama3"]}}, "rope_scaling: rope_type must be a text"),
        ({"rope_scaling": {**SCALED, "high_freq_factor": 1.0}}, "rope_scaling: high_freq_factor must exceed"),
        ({"rope_scaling": {**SCALED, "factor": True}}, "rope_scaling: factor must be a number"),
        ({"rope_scaling": {**SCALED, "original_max_position_embeddings": 25.5}}, "original_max_position_embeddings"),
        ({"rope_scaling": SCALED, "original_max_position_embeddings": None}, "original_max_position_embeddings"),
        ({"rope_parameters": {"full_attention": PLAIN_ROPE}}, "full_attention: a RoPE per kind of layer"),
        ({"rope_parameters": {**SCALED, "partial_rotary_factor": 0.5}}, "partial_rotary_factor must be 1"),
        ({"layer_types": ["full_attention", "sliding_attention"]}, "layer_types.*supported is full_attention"),
        ({"per_layer_config": {"0": {"num_attention_heads": 2}}}, "per_layer_config is not supported"),
        ({"model_type": "qwen2"}, "model_type is 'qwen2', but architectures says"),
        ({"architectures": "LlamaForCausalLM"}, "architectures must be a list of texts"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers must be an integer from 1 to 1024, found 1000000000"),
        ({"vocab_size": 10**4000}, "vocab_size must be an integer from 1 to 4194304, found 1000"),
        ({"max_position_embeddings": 2048.0}, "max_position_embeddings must be an integer"),
    ],
)
def test_refuses_by_name_what_transformers_reads_otherwise_or_not_at_all(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message) as error:
        read(**changes)
    assert str(error.value).startswith("config.json: ")
    assert len(str(error.value)) < 300


def test_an_absent_entry_means_what_transformers_takes_it_for() -> None:
    mistral = {**PLAIN, "architectures": ["MistralForCausalLM"]}
    assert ModelConfig.from_hf(mistral).sliding_window == MistralConfig.from_dict(mistral).sliding_window == 4096
    assert ModelConfig.from_hf({**mistral, "sliding_window": None}).sliding_window is None
    qwen3 = {**PLAIN, "architectures": ["Qwen3ForCausalLM"]}
    assert ModelConfig.from_hf(qwen3).head_dim == Qwen3Config.from_dict(qwen3).head_dim == 128


def test_head_dim_may_differ_from_hidden_over_heads() -> None:
    config = read(architectures=["Qwen3ForCausalLM"], head_dim=128)
    assert (config.query_size, config.kv_size, config.qkv_size) == (512, 256, 1024)


def test_llama_attention_bias_is_on_the_output_too() -> None:
    config = read(attention_bias=True)
    assert config.qkv_bias and config.output_bias


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architectures": ["GPT2LMHeadModel"]}, "GPT2LMHeadModel.*LlamaForCausalLM"),
        ({"architectures": ..., "model_type": "gpt2"}, "gpt2.*supported are"),
        ({"rope_parameters": {"rope_type": "yarn", "factor": 4.0}}, "'yarn'.*default, llama3"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "'linear'.*default, llama3"),
        ({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, "low_freq_factor"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor"),
        ({"head_dim": 72}, "head size 72.*64, 80, 96, 128"),
        ({"num_attention_heads": 3, "num_key_value_heads": 1}, "no multiple"),
        ({"num_attention_heads": 4, "num_key_value_heads": 3}, "4 attention heads over 3"),
        ({"hidden_size": 1024, "num_attention_heads": 16, "num_key_value_heads": 1}, "16 attention heads over 1"),
        ({"hidden_act": "gelu"}, "'gelu'.*silu"),
        ({"mlp_bias": True}, "mlp_bias"),
        ({"hidden_size": ...}, "hidden_size"),
        ({"vocab_size": 0}, "vocab_size"),
        ({"num_hidden_layers": True}, "num_hidden_layers"),
        ({"rms_norm_eps": "small"}, "rms_norm_eps"),
        ({"tie_word_embeddings": "yes"}, "tie_word_embeddings"),
        (
            {"architectures": ["Qwen2ForCausalLM"], "sliding_window": 64, "use_sliding_window": True},
            "use_sliding_window",
        ),
    ],
)
def test_refuses(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        read(**changes)


@pytest.mark.parametrize("head_dim", HEAD_DIMS)
def test_every_supported_head_size(head_dim: int) -> None:
    assert read(head_dim=head_dim).head_dim == head_dim


def test_windows() -> None:
    plain = read().window(1024)
    assert (plain.context, plain.sliding, plain.sink, plain.cache_tokens) == (1024, -1, -1, 1024)
    mistral = read(architectures=["MistralForCausalLM"], sliding_window=512)
    assert mistral.window(512).sliding == -1  # the window masks nothing up to its own length
    moving = mistral.window(513)
    assert (moving.context, moving.sliding, moving.sink, moving.cache_tokens) == (-1, 512, 4, 512)
    with pytest.raises(UnsupportedModelError, match="2048 positions"):
        read().window(4096)
    with pytest.raises(UnsupportedModelError, match="at least 16"):
        read().window(8)
