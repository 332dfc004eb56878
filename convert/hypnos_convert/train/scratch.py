"""A base from nothing: a tokenizer trained on the texts that the phases use, and random Qwen2-shaped weights.

It is an ordinary Hugging Face folder, which the phases take like any other base: the first of them, with
``learn: everything``, is the language-model pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from ..config import ScratchConfig
from .merge import save_checkpoint
from .tokenizer import END_OF_TEXT, TURN_END, train_tokenizer


def build_model(shape: ScratchConfig, tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen2ForCausalLM:
    """Random fp32 weights of the configured shape; embeddings tied."""
    torch.manual_seed(seed)
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=shape.width,
            intermediate_size=shape.feed_forward,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.key_value_heads,
            max_position_embeddings=shape.positions,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.convert_tokens_to_ids(TURN_END),
            pad_token_id=tokenizer.convert_tokens_to_ids(END_OF_TEXT),
            dtype="float32",
        )
    )


def make_base(shape: ScratchConfig, texts: Iterable[str], folder: Path, seed: int) -> None:
    """Write the untrained checkpoint; ``config.json`` is there only when all else is.

    Raises:
        OutputError: the disk cannot hold it.
    """
    tokenizer = train_tokenizer(texts, shape.vocabulary)
    unfinished = folder.with_name(f".{folder.name}.partial")
    save_checkpoint(build_model(shape, tokenizer, seed), tokenizer, unfinished)
    unfinished.replace(folder)
