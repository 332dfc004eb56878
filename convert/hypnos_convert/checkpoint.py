"""Reads a Hugging Face checkpoint folder without ever holding more than one block of one tensor.

``Checkpoint.open(folder)`` reads ``config.json`` and the headers of all ``*.safetensors`` files and refuses what is
missing, truncated or pickled; ``rows`` then hands out blocks of a tensor, memory mapped, in the stored type.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from .errors import InputError
from .inputs import Fields, check_readable, one_line, present, read_json_object, reading, shown

FLOAT_TYPES = ("F32", "F16", "BF16")
"""Stored types that are read; anything else is already quantised, or no weight."""

PICKLED_SUFFIXES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
INDEX_NAME = "model.safetensors.index.json"


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor lies and what it is; ``dtype`` as safetensors names it (F32, F16, BF16, ...)."""

    path: Path
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint: parsed configuration and the whereabouts of every tensor, but no weights."""

    folder: Path
    config: dict[str, Any]
    generation_config: dict[str, Any]
    tensors: dict[str, TensorInfo]

    @classmethod
    def open(cls, folder: str | Path) -> Checkpoint:
        """Read configuration and safetensors headers.

        Raises:
            InputError: a file is missing, truncated, pickled, or not what it should be; the message names it.
        """
        folder = Path(folder)
        with reading(folder):
            if not folder.is_dir():
                raise InputError(f"{folder}: no such folder; --model takes the folder that holds config.json")
            names = os.listdir(folder)
        if "adapter_config.json" in names and "config.json" not in names:
            raise InputError(f"{folder} holds a LoRA adapter, not a model: merge it into its base model first")
        config = read_json_object(folder / "config.json")
        fields = Fields(config, folder / "config.json")
        if "quantization_config" in fields:
            method = fields.object("quantization_config").text("quant_method", "unknown")
            raise InputError(
                f"{folder / 'config.json'}: the weights are already quantised ({method}); "
                "start from the float32, float16 or bfloat16 checkpoint"
            )
        generation = folder / "generation_config.json"
        return cls(
            folder=folder,
            config=config,
            generation_config=read_json_object(generation) if present(generation) else {},
            tensors=_read_headers(_weight_files(folder)),
        )

    @property
    def files(self) -> list[Path]:
        """The safetensors files, sorted."""
        return sorted({info.path for info in self.tensors.values()})

    def require(self, wanted: Iterable[tuple[str, tuple[int, ...]]]) -> None:
        """Check that exactly the ``wanted`` (name, shape) are there, as floating-point weights.

        Raises:
            InputError: a tensor is missing, left over, of another shape or stored in another type.
        """
        wanted = dict(wanted)
        missing = [name for name in wanted if name not in self.tensors]
        if missing:
            raise InputError(f"{self.folder}: tensors missing from the checkpoint: {_some(missing)}")
        for name, shape in wanted.items():
            info = self.tensors[name]
            if info.shape != shape:
                raise InputError(
                    f"{info.path}: tensor {name} has shape {list(info.shape)}, but config.json asks for {list(shape)}"
                    + _shape_hint(name, info.shape, shape)
                )
            if info.dtype not in FLOAT_TYPES:
                raise InputError(
                    f"{info.path}: tensor {name} is stored as {info.dtype}; supported are {', '.join(FLOAT_TYPES)}"
                )
        # A tensor that config.json does not account for (a bias, an extra layer) would silently change the model.
        left_over = [n for n in self.tensors if n not in wanted and not n.endswith("rotary_emb.inv_freq")]
        if self.config.get("tie_word_embeddings"):
            left_over = [n for n in left_over if n != "lm_head.weight"]
        if left_over:
            raise InputError(
                f"{self.folder}: the checkpoint holds tensors that its config.json does not account for: "
                f"{_some(left_over)}"
            )

    def rows(self, name: str, rows_per_block: int | None = None) -> Iterator[torch.Tensor]:
        """Yield a tensor in blocks of whole rows (axis 0), in the stored floating-point type, on the CPU.

        The file is mapped anew for each call, so that its pages are given back once the tensor is done.

        Raises:
            InputError: the file can no longer be read.
        """
        info = self.tensors[name]
        check_readable(info.path)
        try:
            with reading(info.path), safe_open(info.path, framework="pt", device="cpu") as file:
                view = file.get_slice(name)
                count = info.shape[0]
                step = rows_per_block or count
                for start in range(0, count, step):
                    yield view[start : min(start + step, count)]
        except SafetensorError as error:
            raise InputError(f"{info.path}: tensor {name} cannot be read: {one_line(error)}") from error


def _weight_files(folder: Path) -> dict[Path, list[str] | None]:
    """Each safetensors file and the tensors that the index places in it (None without an index: all it holds)."""
    index = folder / INDEX_NAME
    if present(index):
        placed: dict[Path, list[str]] = {}
        weight_map = read_json_object(index).get("weight_map")
        if not isinstance(weight_map, dict) or not weight_map:
            raise InputError(f"{index}: no weight_map")
        for tensor, name in weight_map.items():
            proper = isinstance(name, str) and Path(name).name == name and name.isprintable()
            if not proper or not name.endswith(".safetensors"):
                raise InputError(
                    f"{index}: tensor {shown(tensor)} is placed in {shown(name)}, which is no safetensors file name"
                )
            placed.setdefault(folder / name, []).append(tensor)
        absent = sorted(path.name for path in placed if not present(path))
        if absent:
            raise InputError(f"{folder}: {len(absent)} of {len(placed)} weight files are missing: {_some(absent)}")
        return dict(placed)
    single = folder / "model.safetensors"
    with reading(folder):
        files = [single] if present(single) else sorted(folder.glob("*.safetensors"))
    if len(files) > 1:
        raise InputError(f"{folder}: several safetensors files but no {INDEX_NAME}; copy the index too")
    if not files:
        pickled = sorted(p.name for p in folder.iterdir() if p.suffix in PICKLED_SUFFIXES)
        if pickled:
            raise InputError(
                f"{folder}: pickled weights ({_some(pickled)}) are refused, because opening them can run code; "
                "save the model again with save_pretrained(safe_serialization=True)"
            )
        raise InputError(f"{folder}: no *.safetensors file")
    return {files[0]: None}


def _read_headers(files: dict[Path, list[str] | None]) -> dict[str, TensorInfo]:
    tensors: dict[str, TensorInfo] = {}
    for path, placed in files.items():
        # First as any file: safetensors tells "No such file" of whatever it cannot open.
        size = check_readable(path)
        try:
            with reading(path), safe_open(path, framework="pt", device="cpu") as file:
                held = set(file.keys())
                for name in sorted(held if placed is None else placed):
                    if name not in held:
                        raise InputError(f"{path}: tensor {name} is missing, although {INDEX_NAME} places it here")
                    view = file.get_slice(name)
                    tensors[name] = TensorInfo(path, tuple(view.get_shape()), view.get_dtype())
        except SafetensorError as error:
            raise InputError(
                f"{path} ({size} bytes) is truncated or damaged ({one_line(error)}); copy it again"
            ) from error
    return tensors


def _shape_hint(name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    if name in ("model.embed_tokens.weight", "lm_head.weight") and found[1:] == wanted[1:]:
        return f": vocab_size is {wanted[0]}, but the vocabulary of the weights has {found[0]} entries"
    return ""


def _some(names: list[str], limit: int = 5) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
