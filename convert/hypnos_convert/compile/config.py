"""What a Hugging Face ``config.json`` says about a model, checked and typed.

The way in: ``ModelConfig.from_hf(json)`` accepts the ``config.json`` of a Llama 2/3, Mistral, Qwen2/2.5 or Qwen3
checkpoint and refuses everything that the compiled library would silently get wrong. What an absent or doubled entry
means is what transformers takes it for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import InputError
from ..inputs import Fields, shown

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

LIMITS = {
    "hidden_size": 1 << 16,
    "intermediate_size": 1 << 20,
    "num_hidden_layers": 1 << 10,
    "num_attention_heads": 1 << 10,
    "num_key_value_heads": 1 << 10,
    "head_dim": 1 << 10,
    "vocab_size": 1 << 22,
    "max_position_embeddings": (1 << 31) - 1,
    "sliding_window": (1 << 31) - 1,
}
"""Largest values that are taken for a model's rather than for a mistake: several times those of any known model.
Nothing is reserved or counted through before the sizes lie within them."""

MAX_CONTEXT = 1 << 20
"""Most tokens of a context window, as in the manifest's schema."""

MISTRAL_WINDOW = 4096
"""What transformers takes an absent ``sliding_window`` of Mistral for; null means none."""

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
        if context_window > MAX_CONTEXT:
            raise UnsupportedModelError(
                f"context window {context_window} is too long: give {MAX_CONTEXT} tokens or less"
            )
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
        self.fields = Fields(config, "config.json", UnsupportedModelError)

    def read(self) -> ModelConfig:
        family = self.family()
        heads = self.size("num_attention_heads")
        kv_heads = self.size("num_key_value_heads", default=heads if family == "llama" else None)
        hidden = self.size("hidden_size")
        head_dim = self.head_dim(family, hidden, heads)
        self.check_groups(heads, kv_heads)
        self.check_layers(family)
        if self.fields.flag("mlp_bias"):
            raise UnsupportedModelError("config.json: mlp_bias = true is not supported; supported is an MLP without")
        theta, scaling = self.rope()
        attention_bias = self.fields.flag("attention_bias")
        return ModelConfig(
            family=family,
            hidden_size=hidden,
            intermediate_size=self.size("intermediate_size"),
            num_layers=self.size("num_hidden_layers"),
            num_heads=heads,
            num_kv_heads=kv_heads,
            head_dim=head_dim,
            vocab_size=self.size("vocab_size"),
            norm_eps=self.fields.number("rms_norm_eps", 0, 1, 1e-6, above=True),
            rope_theta=theta,
            rope_scaling=scaling,
            qkv_bias=family == "qwen2" or attention_bias,
            output_bias=family != "qwen2" and attention_bias,
            qk_norm=family == "qwen3",
            tied_embeddings=self.fields.flag("tie_word_embeddings"),
            sliding_window=self.sliding_window(family),
            max_position_embeddings=self.size("max_position_embeddings"),
        )

    def family(self) -> str:
        architectures = self.fields.texts("architectures", ())
        model_type = self.fields.text("model_type", "")
        family = next((FAMILIES[name] for name in architectures if name in FAMILIES), None)
        if family is None:
            named = shown(architectures) if architectures else f"none (model_type {shown(model_type)})"
            raise UnsupportedModelError(
                f"config.json: architectures: {named} is not supported; supported are {', '.join(FAMILIES)}"
            )
        # transformers builds the model of model_type, whatever architectures says.
        if model_type not in ("", family):
            raise UnsupportedModelError(
                f"config.json: model_type is {shown(model_type)}, but architectures says {shown(architectures)}"
            )
        return family

    def size(self, key: str, default: int | None = None) -> int:
        return self.fields.integer(key, 1, LIMITS[key], default)

    def head_dim(self, family: str, hidden: int, heads: int) -> int:
        # transformers has 128 for Qwen3 where the key is absent, whatever the other sizes are.
        if family == "qwen3" and "head_dim" not in self.fields.value:
            head_dim = 128
        elif "head_dim" not in self.fields and hidden % heads:
            raise UnsupportedModelError(
                f"config.json: hidden_size {hidden} is no multiple of num_attention_heads {heads}, "
                "and head_dim is not given"
            )
        else:
            head_dim = self.size("head_dim", default=hidden // heads)
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

    def check_layers(self, family: str) -> None:
        activation = self.fields.text("hidden_act", "silu")
        if activation not in ("silu", "swish"):
            raise UnsupportedModelError(
                f"config.json: hidden_act {shown(activation)} is not supported; supported is silu"
            )
        kinds = set(self.fields.texts("layer_types", ()))
        if kinds - {"full_attention"}:
            raise UnsupportedModelError(
                f"config.json: layer_types {shown(sorted(kinds))} is not supported; supported is full_attention"
            )
        if self.fields.object("per_layer_config", {}).value:
            raise UnsupportedModelError("config.json: per_layer_config is not supported: layers must be alike")

    def rope(self) -> tuple[float, Llama3Rope | None]:
        """Base and scaling of the rotary frequencies, as ``RotaryEmbeddingConfigMixin`` of transformers 5 reads them.

        transformers 5 writes ``rope_parameters``, 4 wrote ``rope_theta`` beside ``rope_scaling``, and before 4.45
        ``type``. A ``rope_scaling`` that holds anything takes the whole place of ``rope_parameters``.
        """
        old, new = (self.fields.object(key, {}) for key in ("rope_scaling", "rope_parameters"))
        values = old if old.value else new
        for key in values.value:
            if isinstance(values.value[key], Mapping):
                raise UnsupportedModelError(f"{values.where}: {key}: a RoPE per kind of layer is not supported")
        theta = self.beside(values, "rope_theta").number("rope_theta", 0, 1e12, 1e4, above=True)
        partial = values if "partial_rotary_factor" in values.value else self.fields
        if partial.number("partial_rotary_factor", 0, 1, 1.0) != 1:
            partial.refuse("partial_rotary_factor", "1 (the whole head), nothing else is supported")
        name = "rope_type" if "rope_type" in values.value else "type"
        if name in values.value and name not in values:
            values.refuse(name, f"one of {', '.join(ROPE_TYPES)}")
        kind = values.text(name, "default")
        if kind == "default":
            return theta, None
        if kind == "llama3":
            scaling = Llama3Rope(
                factor=values.number("factor", 0, 1e6, above=True),
                low_frequency_factor=values.number("low_freq_factor", 0, 1e6, above=True),
                high_frequency_factor=values.number("high_freq_factor", 0, 1e6, above=True),
                original_context=self.original_context(values),
            )
            if scaling.high_frequency_factor <= scaling.low_frequency_factor:
                raise UnsupportedModelError(f"{values.where}: high_freq_factor must exceed low_freq_factor")
            return theta, scaling
        raise UnsupportedModelError(
            f"config.json: RoPE type {shown(kind)} is not supported; supported are {', '.join(ROPE_TYPES)}"
        )

    def original_context(self, values: Fields) -> int:
        # transformers lets the entry outside win, unlike the others.
        key = "original_max_position_embeddings"
        holder = self.fields if key in self.fields.value else values
        return _given(holder, key).integer(
            key, 1, LIMITS["max_position_embeddings"], self.size("max_position_embeddings")
        )

    def beside(self, values: Fields, key: str) -> Fields:
        """Where an entry stands: among the RoPE values, else beside them."""
        return _given(values if key in values.value else self.fields, key)

    def sliding_window(self, family: str) -> int | None:
        if "sliding_window" in self.fields.value and "sliding_window" not in self.fields:
            return None
        if family != "mistral":
            if self.fields.flag("use_sliding_window"):
                raise UnsupportedModelError(
                    f"config.json: use_sliding_window = true is not supported for {family}: supported are Mistral's "
                    "window over all layers, or no window"
                )
            return None
        window = self.fields.integer("sliding_window", 1, LIMITS["sliding_window"], MISTRAL_WINDOW)
        if window < 16:
            raise UnsupportedModelError(f"config.json: sliding_window {window} is too short: at least 16 tokens")
        return window


def _given(fields: Fields, key: str) -> Fields:
    """Refuse a null where transformers has no default for one."""
    if key in fields.value and key not in fields:
        fields.refuse(key, "a number")
    return fields
