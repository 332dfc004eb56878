"""What a Hugging Face ``config.json`` says about a model, checked and typed.

The way in: ``ModelConfig.from_hf(json)`` accepts the ``config.json`` of a Llama 2/3, Mistral, Qwen2/2.5 or Qwen3
checkpoint and refuses everything that the compiled library would silently get wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError

FAMILIES = {
    "LlamaForCausalLM": "llama",
    "MistralForCausalLM": "mistral",
    "Qwen2ForCausalLM": "qwen2",
    "Qwen3ForCausalLM": "qwen3",
}
"""Supported ``architectures`` entries of a config.json and the family that each belongs to."""

HEAD_DIMS = (64, 80, 96, 128)
"""Attention head sizes the kernels are tested for."""

ROPE_TYPES = ("default", "llama3")
"""Supported ``rope_type`` values."""

MAX_QUERY_GROUP = 8
"""Most query heads that may share one key/value head."""

ATTENTION_SINK = 4
"""Tokens at the start of the text that a sliding window keeps (StreamingLLM, Xiao et al. 2023, section 3.2)."""


class UnsupportedModelError(InputError, ValueError):
    """The checkpoint is well-formed but no library can be compiled for it; the message names what is supported."""


@dataclass(frozen=True)
class Llama3Rope:
    """Llama 3.1 frequency scaling: low frequencies are divided by ``factor``, with a smooth ramp between the bands.

    Wavelengths are compared with ``original_context / low_frequency_factor`` and
    ``original_context / high_frequency_factor`` (in tokens).
    """

    factor: float
    low_frequency_factor: float
    high_frequency_factor: float
    original_context: int


@dataclass(frozen=True)
class ModelConfig:
    """A decoder-only transformer with RMSNorm, rotary positions, grouped-query attention and a SwiGLU MLP."""

    family: str
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    vocab_size: int
    norm_eps: float
    rope_theta: float
    rope_scaling: Llama3Rope | None
    qkv_bias: bool
    output_bias: bool
    qk_norm: bool
    tied_embeddings: bool
    sliding_window: int | None
    max_position_embeddings: int

    @property
    def query_size(self) -> int:
        """Width of all query heads together; differs from hidden_size where head_dim is set freely (Qwen3)."""
        return self.num_heads * self.head_dim

    @property
    def kv_size(self) -> int:
        """Width of all key (or value) heads together."""
        return self.num_kv_heads * self.head_dim

    @property
    def qkv_size(self) -> int:
        """Rows of the fused query, key and value projection."""
        return self.query_size + 2 * self.kv_size

    def window(self, context_window: int) -> Window:
        """How the KV cache is limited when a conversation may hold ``context_window`` tokens.

        A checkpoint's sliding window only matters for conversations longer than it: up to there it masks nothing, and
        the plain cache is exact and faster.

        Raises:
            UnsupportedModelError: the context window is shorter than 16 tokens, or longer than the positions the
                checkpoint was trained on.
        """
        if context_window < 16:
            raise UnsupportedModelError(f"context window {context_window} is too short: give at least 16 tokens")
        if self.sliding_window is not None and context_window > self.sliding_window:
            return Window(context=-1, sliding=self.sliding_window, sink=min(ATTENTION_SINK, self.sliding_window // 4))
        if context_window > self.max_position_embeddings:
            raise UnsupportedModelError(
                f"context window {context_window} exceeds the {self.max_position_embeddings} positions the checkpoint "
                "was trained on (max_position_embeddings): give a smaller --context-window"
            )
        return Window(context=context_window, sliding=-1, sink=-1)

    @classmethod
    def from_hf(cls, config: Mapping[str, Any]) -> ModelConfig:
        """Read the content of a ``config.json``, as saved by transformers 4 or 5.

        Raises:
            UnsupportedModelError: unknown architecture, RoPE type, activation or head size, or a layout that the
                kernels do not implement. The message names the key, its value and what is supported.
        """
        return _Reader(config).read()


@dataclass(frozen=True)
class Window:
    """The three window sizes of ``mlc-chat-config.json`` and the library's metadata, in tokens; -1 where unused.

    Exactly one of ``context`` and ``sliding`` is set.
    """

    context: int
    sliding: int
    sink: int

    @property
    def cache_tokens(self) -> int:
        """Tokens that the KV cache holds."""
        return self.context if self.sliding == -1 else self.sliding


class _Reader:
    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config

    def read(self) -> ModelConfig:
        family = self.family()
        heads = self.integer("num_attention_heads")
        kv_heads = self.integer("num_key_value_heads", default=heads if family == "llama" else None)
        hidden = self.integer("hidden_size")
        head_dim = self.head_dim(hidden, heads)
        self.check_groups(heads, kv_heads)
        self.check_activation()
        if self.flag("mlp_bias"):
            raise UnsupportedModelError("mlp_bias = true is not supported: supported are MLPs without bias")
        theta, scaling = self.rope()
        attention_bias = self.flag("attention_bias")
        return ModelConfig(
            family=family,
            hidden_size=hidden,
            intermediate_size=self.integer("intermediate_size"),
            num_layers=self.integer("num_hidden_layers"),
            num_heads=heads,
            num_kv_heads=kv_heads,
            head_dim=head_dim,
            vocab_size=self.integer("vocab_size"),
            norm_eps=self.number("rms_norm_eps", default=1e-6),
            rope_theta=theta,
            rope_scaling=scaling,
            qkv_bias=family == "qwen2" or attention_bias,
            output_bias=family != "qwen2" and attention_bias,
            qk_norm=family == "qwen3",
            tied_embeddings=self.flag("tie_word_embeddings"),
            sliding_window=self.sliding_window(family),
            max_position_embeddings=self.integer("max_position_embeddings"),
        )

    def family(self) -> str:
        architectures = self.config.get("architectures") or []
        for name in architectures:
            if name in FAMILIES:
                return FAMILIES[name]
        named = ", ".join(map(str, architectures)) or f"none (model_type {self.config.get('model_type')!r})"
        raise UnsupportedModelError(
            f"unsupported architecture in config.json: {named}; supported are {', '.join(FAMILIES)}"
        )

    def integer(self, key: str, default: int | None = None) -> int:
        value = self.config.get(key)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UnsupportedModelError(f"config.json: {key} must be a positive integer, found {value!r}")
        return value

    def number(self, key: str, default: float) -> float:
        value = self.config.get(key)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise UnsupportedModelError(f"config.json: {key} must be a positive number, found {value!r}")
        return float(value)

    def flag(self, key: str) -> bool:
        value = self.config.get(key)
        if value is not None and not isinstance(value, bool):
            raise UnsupportedModelError(f"config.json: {key} must be true or false, found {value!r}")
        return bool(value)

    def head_dim(self, hidden: int, heads: int) -> int:
        if self.config.get("head_dim") is None and hidden % heads:
            raise UnsupportedModelError(
                f"config.json: hidden_size {hidden} is no multiple of num_attention_heads {heads}, "
                "and head_dim is not given"
            )
        head_dim = self.integer("head_dim", default=hidden // heads)
        if head_dim not in HEAD_DIMS:
            raise UnsupportedModelError(
                f"config.json: head size {head_dim} is not supported; supported are {', '.join(map(str, HEAD_DIMS))}"
            )
        return head_dim

    def check_groups(self, heads: int, kv_heads: int) -> None:
        if heads % kv_heads or heads // kv_heads > MAX_QUERY_GROUP:
            raise UnsupportedModelError(
                f"config.json: {heads} attention heads over {kv_heads} key/value heads is not supported; supported "
                f"are 1 to {MAX_QUERY_GROUP} query heads per key/value head, the same number for each"
            )

    def check_activation(self) -> None:
        activation = self.config.get("hidden_act") or "silu"
        if activation not in ("silu", "swish"):
            raise UnsupportedModelError(f"config.json: hidden_act {activation!r} is not supported; supported is silu")

    def rope(self) -> tuple[float, Llama3Rope | None]:
        # transformers 5 writes rope_parameters; 4 wrote rope_theta beside rope_scaling, and before 4.45 `type`.
        values = self.config.get("rope_parameters") or self.config.get("rope_scaling") or {}
        if not isinstance(values, Mapping):
            raise UnsupportedModelError(f"config.json: the RoPE parameters must be an object, found {values!r}")
        theta = _positive(values.get("rope_theta", self.config.get("rope_theta", 10000.0)), "rope_theta")
        partial = values.get("partial_rotary_factor", self.config.get("partial_rotary_factor"))
        if partial not in (None, 1, 1.0):
            raise UnsupportedModelError(
                f"config.json: partial_rotary_factor {partial!r} is not supported: supported is 1 (the whole head)"
            )
        kind = values.get("rope_type") or values.get("type") or "default"
        if kind == "default":
            return theta, None
        if kind == "llama3":
            scaling = Llama3Rope(
                factor=_positive(values.get("factor"), "rope factor"),
                low_frequency_factor=_positive(values.get("low_freq_factor"), "rope low_freq_factor"),
                high_frequency_factor=_positive(values.get("high_freq_factor"), "rope high_freq_factor"),
                original_context=int(
                    _positive(values.get("original_max_position_embeddings"), "rope original_max_position_embeddings")
                ),
            )
            if scaling.high_frequency_factor <= scaling.low_frequency_factor:
                raise UnsupportedModelError("config.json: rope high_freq_factor must exceed low_freq_factor")
            return theta, scaling
        raise UnsupportedModelError(
            f"config.json: RoPE type {kind!r} is not supported; supported are {', '.join(ROPE_TYPES)}"
        )

    def sliding_window(self, family: str) -> int | None:
        if self.config.get("sliding_window") is None:
            return None
        if family != "mistral":
            if self.flag("use_sliding_window"):
                raise UnsupportedModelError(
                    f"config.json: use_sliding_window = true is not supported for {family}: supported are Mistral's "
                    "window over all layers, or no window"
                )
            return None
        window = self.integer("sliding_window")
        if window < 16:
            raise UnsupportedModelError(f"config.json: sliding_window {window} is too short: at least 16 tokens")
        return window


def _positive(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise UnsupportedModelError(f"config.json: {what} must be a positive number, found {value!r}")
    return float(value)
