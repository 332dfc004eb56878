"""``mlc-chat-config.json``: what web-llm reads before it loads anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .chat_template import Conversation
from .checkpoint import Checkpoint
from .compile.config import Llama3Rope, ModelConfig, Window
from .errors import InputError
from .inputs import Fields, shown
from .tokenizer import ModelTokenizer


def stop_token_ids(checkpoint: Checkpoint, tokenizer: ModelTokenizer, vocab_size: int) -> list[int]:
    """The tokens that end an answer: those of generation_config.json, else of config.json; and the tokenizer's own.

    Raises:
        InputError: there are none, so answers would never end, or one lies outside the vocabulary.
    """
    ids: list[int] = []
    for name, source in (("generation_config.json", checkpoint.generation_config), ("config.json", checkpoint.config)):
        declared = Fields(source, checkpoint.folder / name).integers("eos_token_id")
        if declared:
            _check_ids(declared, vocab_size, checkpoint.folder / name)
            ids += declared
            break
    if tokenizer.reference.eos_token_id is not None:
        ids.append(tokenizer.reference.eos_token_id)
    ids = list(dict.fromkeys(ids))
    if not ids:
        raise InputError(
            f"{checkpoint.folder}: no eos_token_id in generation_config.json, config.json or the tokenizer, "
            "so answers would never end"
        )
    _check_ids(ids, vocab_size, checkpoint.folder)
    return ids


def _check_ids(ids: Sequence[int], vocab_size: int, where: object) -> None:
    bad = [token for token in ids if not 0 <= token < vocab_size]
    if bad:
        raise InputError(f"{where}: eos_token_id {shown(bad[0])} lies outside the vocabulary of {vocab_size}")


@dataclass(frozen=True)
class Sampling:
    """How web-llm samples unless it is told otherwise; in the bounds that it accepts."""

    temperature: float
    top_p: float
    repetition_penalty: float

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Sampling:
        """What generation_config.json says; usual values where it says nothing. Temperature 0 is greedy: that is what
        ``do_sample: false`` asks for, whatever temperature stands beside it (as in transformers).

        Raises:
            InputError: a value is none that web-llm could sample with.
        """
        fields = Fields(checkpoint.generation_config, checkpoint.folder / "generation_config.json")
        temperature = fields.number("temperature", 0, 2, 0.7)
        return cls(
            temperature=temperature if fields.flag("do_sample", True) else 0.0,
            top_p=fields.number("top_p", 0, 1, 0.95, above=True),
            repetition_penalty=fields.number("repetition_penalty", 0, 10, 1.0, above=True),
        )


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
    sampling = Sampling.of(checkpoint)
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
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "repetition_penalty": sampling.repetition_penalty,
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
