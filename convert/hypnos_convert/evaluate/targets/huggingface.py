"""A Hugging Face checkpoint folder, in transformers, greedy. Nothing is looked for on the network."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any

from ...errors import InputError
from ..metrics import Answer
from ..metrics.base import are_letters
from ..prompts import LETTER_PREFIX
from .base import Request, Target


class HuggingFaceTarget(Target):
    """Runs on the first CUDA device, or on the CPU."""

    kind = "huggingface"

    def __init__(self, folder: Path, name: str | None = None) -> None:
        self.name = name or folder.resolve().name
        self._folder = folder
        files = sorted([*folder.glob("*.json"), *folder.glob("*.jinja"), *folder.glob("*.safetensors")])
        # Sizes and times: hashing tens of gigabytes would take longer than many an evaluation.
        stats = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
        self.identity = {"kind": self.kind, "files": stats}

    async def __aenter__(self) -> HuggingFaceTarget:
        await asyncio.to_thread(self._load)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._model = self._tokenizer = None

    async def answer(self, request: Request) -> Answer:
        return await asyncio.to_thread(self._answer, request)

    def _load(self) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(self._folder, **options)
            model = AutoModelForCausalLM.from_pretrained(self._folder, dtype="auto", use_safetensors=True, **options)
        except (OSError, ValueError) as error:
            raise InputError(f"{self._folder}: cannot be loaded: {str(error).splitlines()[0]}") from error
        if self._tokenizer.chat_template is None:
            raise InputError(f"{self._folder}: no chat template, so there is no agreed way to ask this model")
        self._model = model.eval().to("cuda" if torch.cuda.is_available() else "cpu")
        self._window = getattr(model.config, "max_position_embeddings", None) or 1 << 30

    def _answer(self, request: Request) -> Answer:
        import torch

        prompt = self._tokenizer.apply_chat_template(
            list(request.messages), add_generation_prompt=True, tokenize=False, enable_thinking=False
        )
        ids = self._encode(prompt)
        if ids.shape[1] >= self._window:
            return Answer("", "too_long")
        with torch.inference_mode():
            output = self._model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                max_new_tokens=min(request.max_tokens, self._window - ids.shape[1]),
                pad_token_id=self._tokenizer.pad_token_id or self._tokenizer.eos_token_id,
            )[0, ids.shape[1] :]
            letters = self._letters(prompt, request.letters) if request.letters else None
        stops = self._model.generation_config.eos_token_id
        stops = stops if isinstance(stops, list) else [stops]
        stopped = len(output) > 0 and int(output[-1]) in stops
        text = self._tokenizer.decode(output, skip_special_tokens=True)
        return Answer(text, "stop" if stopped else "length", letters)

    def _letters(self, prompt: str, letters: tuple[str, ...]) -> dict[str, float]:
        logits = self._model(self._encode(prompt + LETTER_PREFIX)).logits[0, -1].float()
        logs = logits.log_softmax(-1)
        values = {letter: float(logs[self._encode(prompt + LETTER_PREFIX + letter)[0, -1]]) for letter in letters}
        if not are_letters(values):
            raise InputError(f"{self._folder}: the model's logits are no finite numbers; its weights are damaged")
        return values

    def _encode(self, text: str) -> Any:
        return self._tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids.to(self._model.device)
