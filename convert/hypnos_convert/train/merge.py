"""Adapters into weights, in fp32, with a proof that nothing was lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from ..errors import InputError
from ..staging import check_space

TOLERANCE = 1e-3
"""Most that a logit may move by merging, relative to the largest logit: rounding in fp32 stays far below."""


def merge_adapter(base: Path, adapter: Path) -> tuple[PreTrainedModel, float]:
    """The base with its adapter added to the weights, fp32, and by how much logits moved (relative, on a probe).

    Merging in 16 bits would round away small updates, so it is done in 32 and rounded once, at the end.

    Raises:
        InputError: the merged model's logits are not the adapter's.
    """
    from peft import PeftModel

    plain = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, local_files_only=True)
    model = PeftModel.from_pretrained(plain, adapter, local_files_only=True).eval()
    probe = torch.arange(1, 17).unsqueeze(0) % model.config.vocab_size
    with torch.no_grad():
        before = model(input_ids=probe).logits
        merged = model.merge_and_unload()
        after = merged(input_ids=probe).logits
    moved = float((before - after).abs().max() / before.abs().max())
    if not moved <= TOLERANCE:
        raise InputError(f"{adapter}: merged and adapter logits differ by {moved:.2g} of the largest logit")
    return merged, moved


def load_result(base: Path, trained: Path, method: str) -> tuple[PreTrainedModel, float]:
    """What a phase made, in fp32: a merged adapter, or the whole model that was trained."""
    if method == "lora":
        return merge_adapter(base, trained)
    return AutoModelForCausalLM.from_pretrained(trained, dtype=torch.float32, local_files_only=True), 0.0


def save_checkpoint(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path, dtype: torch.dtype = torch.float32
) -> None:
    """Write model and tokenizer as a Hugging Face folder of safetensors, in place of an unfinished one.

    Raises:
        OutputError: the disk cannot hold it.
    """
    bytes_each = torch.finfo(dtype).bits // 8
    check_space(folder, sum(parameter.numel() for parameter in model.parameters()) * bytes_each)
    shutil.rmtree(folder, ignore_errors=True)
    model.config.use_cache = True
    model.to(dtype).save_pretrained(folder, max_shard_size="4GB")
    tokenizer.save_pretrained(folder)
