"""config.json in, ModelConfig out; what the kernels cannot do is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from transformers import LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

from hypnos_convert.compile.config import FAMILIES, HEAD_DIMS, Llama3Rope, ModelConfig, UnsupportedModelError

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
