"""``mlc-chat-config.json``: what web-llm reads before it loads anything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .chat_template import Conversation
from .checkpoint import Checkpoint
from .compile.config import Llama3Rope, ModelConfig, Window
from .errors import InputError
from .tokenizer import ModelTokenizer


def stop_token_ids(checkpoint: Checkpoint, tokenizer: ModelTokenizer, vocab_size: int) -> list[int]:
    """The tokens that end an answer: those of generation_config.json, else of config.json; and the tokenizer's own.

    Raises:
        InputError: there are none, so answers would never end, or one lies outside the vocabulary.
    """
    ids: list[int] = []
    for source in (checkpoint.generation_config, checkpoint.config):
        declared = source.get("eos_token_id")
        if declared is not None:
            ids += declared if isinstance(declared, list) else [declared]
            break
    if tokenizer.reference.eos_token_id is not None:
        ids.append(tokenizer.reference.eos_token_id)
    ids = list(dict.fromkeys(ids))
    if not ids:
        raise InputError(
            f"{checkpoint.folder}: no eos_token_id in generation_config.json, config.json or the tokenizer, "
            "so answers would never end"
        )
    bad = [i for i in ids if not isinstance(i, int) or not 0 <= i < vocab_size]
    if bad:
        raise InputError(f"{checkpoint.folder}: eos_token_id {bad[0]!r} lies outside the vocabulary of {vocab_size}")
    return ids


def chat_config(
    checkpoint: Checkpoint,
    config: ModelConfig,
    quantization: str,
    window: Window,
    prefill_chunk: int,
    tokenizer: ModelTokenizer,
    conversation: Conversation,
    stop_ids: Sequence[int],
) -> dict[str, Any]:
    """The content of mlc-chat-config.json.

    The ``hypnos`` entry is for the page; web-llm ignores it: ``kv_reuse_exact`` says whether a conversation may go on
    in the KV cache without deviating from the template, ``trims_messages`` whether messages must be stripped of outer
    white space first, and ``control_tokens`` which texts would become control tokens if a message held them.
    """
    generation = checkpoint.generation_config
    bos = tokenizer.reference.bos_token_id
    return {
        "version": "0.1.0",
        "model_type": config.family,
        "quantization": quantization,
        "model_config": {
            "hidden_size": config.hidden_size,
            "num_hidden_layers": config.num_layers,
            "num_attention_heads": config.num_heads,
            "num_key_value_heads": config.num_kv_heads,
            "head_dim": config.head_dim,
            "vocab_size": config.vocab_size,
            # web-llm has these compiled in; the page's CPU engine reads them here.
            "intermediate_size": config.intermediate_size,
            "rms_norm_eps": config.norm_eps,
            "position_embedding_base": config.rope_theta,
            "rope_scaling": _rope_scaling(config.rope_scaling),
        },
        "vocab_size": config.vocab_size,
        "context_window_size": window.context,
        "sliding_window_size": window.sliding,
        "attention_sink_size": window.sink,
        "prefill_chunk_size": prefill_chunk,
        "tensor_parallel_shards": 1,
        "temperature": _number(generation.get("temperature"), 0.7),
        "top_p": _number(generation.get("top_p"), 0.95),
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "repetition_penalty": _number(generation.get("repetition_penalty"), 1.0),
        "tokenizer_files": ["tokenizer.json"],
        "tokenizer_info": tokenizer.info(),
        "conv_template": conversation.template,
        # web-llm feeds this token when there is nothing else to feed, so it must be a number.
        "bos_token_id": bos if bos is not None else stop_ids[0],
        "eos_token_id": list(stop_ids),
        "hypnos": {
            "kv_reuse_exact": conversation.reuse_is_exact,
            "trims_messages": conversation.trims_messages,
            "control_tokens": tokenizer.special_tokens(),
        },
    }


def _rope_scaling(rope: Llama3Rope | None) -> dict[str, Any] | None:
    """Under the names of a Hugging Face config.json; None where frequencies are not scaled."""
    if rope is None:
        return None
    return {
        "rope_type": "llama3",
        "factor": rope.factor,
        "low_freq_factor": rope.low_frequency_factor,
        "high_freq_factor": rope.high_frequency_factor,
        "original_max_position_embeddings": rope.original_context,
    }


def _number(value: Any, default: float) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else default
