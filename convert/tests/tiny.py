"""Tiny random Hugging Face checkpoints, written by transformers itself, for tests that need a real one.

``tiny_checkpoint(directory, family)`` leaves what a fine-tuning run leaves: ``config.json``,
``generation_config.json``, ``model*.safetensors``, ``tokenizer.json``, ``tokenizer_config.json`` and
``chat_template.jinja``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

CORPUS = [
    "全身麻醉诱导期的循环管理：丙泊酚、依托咪酯与血流动力学。",
    "椎管内麻醉的禁忌证包括凝血功能障碍、穿刺部位感染和颅内压增高。",
    "恶性高热的首选药物是丹曲林，每次 2.5 mg/kg 静脉注射。",
    "Rapid sequence induction: preoxygenate, propofol 2 mg/kg, rocuronium 1.2 mg/kg.",
    "What is the minimum alveolar concentration of sevoflurane? About 2%.",
    '{}[]:," true false null 0123456789 name age \n\n\t',
]
SPECIAL_TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

CHATML_DEFAULT_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n你是麻醉学助手。<|im_end|>\n' }}{% endif %}"
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 256,
}

_BASE: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": 256,
    "intermediate_size": 352,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
_FAMILIES: dict[str, tuple[type, dict[str, Any]]] = {
    "llama": (LlamaConfig, {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}),
    "llama3": (LlamaConfig, {"rope_parameters": LLAMA3_ROPE}),
    "mistral": (MistralConfig, {"sliding_window": None}),
    "qwen2": (Qwen2Config, {"tie_word_embeddings": True}),
    "qwen3": (Qwen3Config, {"tie_word_embeddings": True}),
}
FAMILIES = tuple(_FAMILIES)


def tiny_tokenizer(vocab_size: int = 480, special_tokens: list[str] | None = None) -> Tokenizer:
    """A byte-level BPE tokenizer of at most ``vocab_size`` entries, special tokens first (ids 0, 1, 2, ...)."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        CORPUS * 20,
        trainers.BpeTrainer(
            vocab_size=vocab_size,
            special_tokens=SPECIAL_TOKENS if special_tokens is None else special_tokens,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return tokenizer


def tiny_checkpoint(
    directory: str | Path,
    family: str,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    max_shard_size: str = "5GB",
    chat_template: str | None = CHATML_DEFAULT_SYSTEM,
    **overrides: Any,
) -> Path:
    """Write a random checkpoint of ``family`` (one of ``FAMILIES``) into ``directory`` and return it.

    ``overrides`` go to the transformers config (``vocab_size=523``, ``head_dim=80``, ``num_key_value_heads=1``,
    ``sliding_window=64``, ``tie_word_embeddings=True``, ...). Norm weights and biases are random too, so that a
    forgotten one shows; matrices are scaled by their fan-in, so that logits spread over a few units.
    """
    config_class, defaults = _FAMILIES[family]
    config = config_class(**{**_BASE, **defaults, **overrides})
    generator = torch.Generator().manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("norm.weight"):
                parameter.copy_(1 + 0.2 * noise)
            elif name.endswith("bias"):
                parameter.copy_(0.2 * noise)
            elif "embed_tokens" in name:
                parameter.copy_(0.5 * noise)
            else:
                parameter.copy_(noise * parameter.shape[-1] ** -0.5)
    if config.tie_word_embeddings:
        model.tie_weights()
    model.generation_config = GenerationConfig(
        bos_token_id=0, eos_token_id=[2, 0], pad_token_id=0, do_sample=True, temperature=0.7, top_p=0.8
    )
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    model.to(dtype).save_pretrained(directory, max_shard_size=max_shard_size)

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tiny_tokenizer(min(480, config.vocab_size)),
        bos_token=None,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
    )
    if chat_template is not None:
        tokenizer.chat_template = chat_template
    tokenizer.save_pretrained(directory)
    return directory
