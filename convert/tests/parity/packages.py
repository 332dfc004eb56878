"""Tiny packages for the parity tests: random checkpoints that between them cover what real ones differ in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tiny import tiny_checkpoint
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from hypnos_convert.__main__ import main
from parity import reference
from parity.browser import Browser, Session

CONTEXT_WINDOW = 128
PREFILL_CHUNK = 32


@dataclass(frozen=True)
class Shape:
    """A checkpoint's family and the configuration that differs from tests/tiny.py."""

    family: str
    overrides: dict[str, Any]


SHAPES = {
    # untied, one query head per key/value head, head size 64, vocabulary no multiple of 8
    "llama2": Shape(
        "llama",
        {"hidden_size": 128, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 523},
    ),
    # llama3 RoPE scaling, four to one, head size 128, tied; positions pass the original context of 64
    "llama3": Shape(
        "llama3",
        {
            "hidden_size": 192,
            "num_attention_heads": 4,
            "num_key_value_heads": 1,
            "head_dim": 128,
            "vocab_size": 512,
            "tie_word_embeddings": True,
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 10000.0,
                "factor": 4.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            },
        },
    ),
    # sliding window with attention sink, two to one, head size 80, vocabulary a multiple of 4 only
    "mistral": Shape(
        "mistral",
        {
            "hidden_size": 160,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 80,
            "sliding_window": 48,
            "vocab_size": 500,
        },
    ),
    # attention bias, eight to one, tied, width no multiple of 32
    "qwen2": Shape(
        "qwen2",
        {"hidden_size": 112, "num_attention_heads": 8, "num_key_value_heads": 1, "head_dim": 64, "vocab_size": 512},
    ),
    # q/k norm, head size 96, untied, widths no multiple of 8, odd vocabulary
    "qwen3": Shape(
        "qwen3",
        {
            "hidden_size": 100,
            "intermediate_size": 180,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 96,
            "vocab_size": 517,
            "tie_word_embeddings": False,
        },
    ),
}


OTHER_SHAPES = {
    # half.mjs keeps shared memory in float32: with heads of 64 the sliding-window kernels still fit
    "narrow-mistral": Shape("mistral", {**SHAPES["mistral"].overrides, "head_dim": 64}),
    # for the sampler, which sees nothing of the model but its vocabulary
    "large-vocabulary": Shape(
        "qwen2",
        {
            "hidden_size": 64,
            "intermediate_size": 64,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "num_key_value_heads": 1,
            "head_dim": 64,
            "vocab_size": 152_000,
        },
    ),
}


@dataclass(frozen=True)
class Package:
    """A package folder and the checkpoint it was made from."""

    checkpoint: Path
    folder: Path
    quantization: str

    def library(self, target: str) -> str:
        """The library for ``target``, relative to the folder."""
        manifest = json.loads((self.folder / "hypnos-package.json").read_text())
        (path,) = (library["path"] for library in manifest["libraries"] if library["target"] == target)
        return path

    @cached_property
    def chat_config(self) -> dict[str, Any]:
        return json.loads((self.folder / "mlc-chat-config.json").read_text())

    @cached_property
    def tokenizer(self) -> Tokenizer:
        return Tokenizer.from_file(str(self.folder / "tokenizer.json"))

    @cached_property
    def model(self) -> PreTrainedModel:
        """The reference: transformers with this package's weights; the checkpoint's own where nothing is quantised."""
        if self.quantization == "q0f32":
            return reference.checkpoint_model(self.checkpoint)
        return reference.package_model(self.checkpoint, self.folder, self.quantization)


class Packages:
    """Makes each package once, under ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made: dict[tuple[str, str], Package] = {}

    def checkpoint(self, name: str) -> Path:
        """The checkpoint of the shape called ``name``."""
        folder = self._root / f"{name}-checkpoint"
        if not folder.exists():
            shape = {**SHAPES, **OTHER_SHAPES}[name]
            tiny_checkpoint(folder, shape.family, **shape.overrides)
        return folder

    def make(self, name: str, quantization: str) -> Package:
        """Its package in one weight format, with a library for each kind of device."""
        key = (name, quantization)
        if key not in self._made:
            folder = self._root / f"{name}-{quantization}"
            package(self.checkpoint(name), folder, quantization)
            self._made[key] = Package(self.checkpoint(name), folder, quantization)
        return self._made[key]


class Loaded:
    """Packages loaded in the browser; the last ones stay, since loading a library is what takes time."""

    CAPACITY = 3

    def __init__(self, browser: Browser, packages: Packages) -> None:
        self._browser = browser
        self._packages = packages
        self._sessions: dict[tuple[str, str, str], Session] = {}

    def __call__(self, name: str, quantization: str, target: str) -> tuple[Package, Session]:
        """The package of a shape and web-llm's session with its library for ``target``."""
        key = (name, quantization, target)
        package = self._packages.make(name, quantization)
        session = self._sessions.pop(key, None)
        if session is None:
            while len(self._sessions) >= self.CAPACITY:
                self._sessions.pop(next(iter(self._sessions))).close()
            session = self._browser.open(package.folder, package.library(target))
        self._sessions[key] = session
        return package, session


def package(
    checkpoint: Path,
    folder: Path,
    quantization: str,
    *,
    context_window: int = CONTEXT_WINDOW,
    prefill_chunk: int = PREFILL_CHUNK,
    targets: str = "gpu,software",
) -> None:
    """Run the command that users run."""
    status = main(
        [
            "package",
            *("--model", str(checkpoint), "--out", str(folder), "--quantization", quantization),
            *("--context-window", str(context_window), "--prefill-chunk", str(prefill_chunk), "--targets", targets),
            "--quiet",
            "--debug",
        ]
    )
    assert status == 0
