"""The families that are supported, each by what sets it apart."""

from __future__ import annotations

from tvm import relax

from ..config import ModelConfig
from ..targets import Kernels
from .decoder import Decoder


class Llama(Decoder):
    """Llama 2 and 3: the plain decoder; Llama 3.1's RoPE scaling lives in the cache's rotary kernel."""


class Mistral(Decoder):
    """Llama's layers; a conversation longer than the sliding window makes the KV cache a moving one (targets.py)."""


class Qwen2(Decoder):
    """Qwen2 and Qwen2.5: queries, keys and values have a bias (the configuration says so for the fused product)."""


class Qwen3(Decoder):
    """Every query and key head is normalised by itself before rotary positions."""

    def prepare_qkv(self, layer: str, qkv: relax.Expr) -> relax.Expr:
        attention = f"{layer}.self_attn"
        weights = [self.parameter(f"{attention}.{part}_norm.weight") for part in "qk"]
        return self.in_place("head_norm", self.kernels.head_norm, [*weights, qkv], result=2)


FAMILIES: dict[str, type[Decoder]] = {"llama": Llama, "mistral": Mistral, "qwen2": Qwen2, "qwen3": Qwen3}


def model_for(config: ModelConfig, quantization: str, kernels: Kernels) -> Decoder:
    """The model of the configuration's family."""
    return FAMILIES[config.family](config, quantization, kernels)
