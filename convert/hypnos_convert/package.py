"""Makes a model package: one folder that the page can load, from a Hugging Face checkpoint.

``prepare`` reads and checks everything that can be checked without touching a weight; ``make_package`` then compiles
the libraries, streams the weights and seals the folder. ``make_weights`` and ``make_library`` are those steps alone.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__, manifest
from .chat_config import Sampling, chat_config, stop_token_ids
from .chat_template import TemplateOptions, derive
from .checkpoint import Checkpoint
from .compile.config import ModelConfig, UnsupportedModelError, Window
from .compile.parameters import ParameterSpec, parameters, unquantized_count
from .compile.runtime.notice import notice as library_notice
from .errors import InputError
from .inputs import Fields, one_line, read_json_object, reading
from .notices import model_notices, runtime_notices
from .progress import Progress
from .quantize import encode
from .shards import Shard, plan, split_by_shard, tensor_cache
from .staging import FileRecord, Staging, check_space, check_target, require_room
from .tokenizer import ModelTokenizer

if TYPE_CHECKING:
    from .compile.library import LibraryReport

DEFAULT_QUANTIZATION = "q4f32_1"
"""Runs wherever WebGPU does: q4f16_1 needs the shader-f16 feature, which software adapters lack."""

DEFAULT_CONTEXT = 4096
DEFAULT_PREFILL_CHUNK = 512
DEFAULT_TARGETS = ("gpu", "software")
TARGETS = ("gpu", "software")
LIBRARY_BYTES = 16 << 20
"""Room set aside on the disk for each library."""

NOTICE_ZH = "未经临床评审，仅供研究与教学，不得用于临床决策。"
NOTICE_EN = "Not clinically reviewed. For research and teaching only, not for clinical decisions."


@dataclass(frozen=True)
class ModelOptions:
    """What is packaged, and in which form."""

    model: Path
    quantization: str = DEFAULT_QUANTIZATION
    context_window: int | None = None
    prefill_chunk: int | None = None


@dataclass(frozen=True)
class Description:
    """What people are told about the package; see the schema for the meaning of each entry."""

    id: str | None = None
    version: str = "0.1.0"
    title_zh: str | None = None
    title_en: str | None = None
    licence: str | None = None
    base: str | None = None
    stages: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    reviewer: str | None = None
    notice_zh: str = NOTICE_ZH
    notice_en: str = NOTICE_EN
    evaluation: dict[str, Any] | None = None

    def with_provenance(self, path: Path) -> Description:
        """Fill in ``base``, ``stages``, ``data`` and ``licence`` from a JSON file where they are not given yet.

        Raises:
            InputError: the file is no JSON object, or holds other keys.
        """
        given = read_json_object(path)
        fields = Fields(given, path)
        unknown = sorted(set(given) - {"base", "stages", "data", "licence"})
        if unknown:
            raise InputError(
                f"{path}: unknown entries {one_line(', '.join(unknown))}; known are base, stages, data, licence"
            )
        return replace(
            self,
            base=self.base or fields.text("base", "") or None,
            licence=self.licence or fields.text("licence", "") or None,
            stages=self.stages or tuple(fields.texts("stages", ())),
            data=self.data or tuple(fields.texts("data", ())),
        )

    def check(self) -> None:
        """Refuse a reviewed package that still says it was not reviewed.

        Raises:
            InputError: a reviewer is named, but the notice is the default one.
        """
        if self.reviewer is not None and (self.notice_zh == NOTICE_ZH or self.notice_en == NOTICE_EN):
            raise InputError("--reviewer needs --notice-zh and --notice-en too: the default notice says 'not reviewed'")


@dataclass(frozen=True)
class Model:
    """A checkpoint whose configuration and tensor headers fit together."""

    checkpoint: Checkpoint
    config: ModelConfig
    quantization: str
    context_window: int
    window: Window
    prefill_chunk: int
    specs: list[ParameterSpec]
    shards: list[Shard] = field(default_factory=list)

    @property
    def weight_bytes(self) -> int:
        return sum(spec.nbytes for spec in self.specs)

    @classmethod
    def open(cls, options: ModelOptions) -> Model:
        """Read and check all but the weights themselves.

        Raises:
            InputError: the checkpoint is incomplete, damaged or unsupported, or an option does not fit it.
        """
        checkpoint = Checkpoint.open(options.model)
        try:
            config = ModelConfig.from_hf(checkpoint.config)
            context = options.context_window or min(DEFAULT_CONTEXT, config.max_position_embeddings)
            window = config.window(context)
            specs = parameters(config, options.quantization)
        except UnsupportedModelError as error:
            raise InputError(f"{checkpoint.folder}: {error}") from error
        except ValueError as error:
            raise InputError(str(error)) from error
        checkpoint.require((source.name, source.shape) for spec in specs for source in spec.sources)
        chunk = options.prefill_chunk or min(DEFAULT_PREFILL_CHUNK, window.cache_tokens)
        if not 1 <= chunk <= window.cache_tokens:
            raise InputError(
                f"--prefill-chunk {chunk} must lie between 1 and the context window of {window.cache_tokens} tokens"
            )
        return cls(checkpoint, config, options.quantization, context, window, chunk, specs, plan(specs))


def make_package(
    options: ModelOptions,
    out: Path,
    *,
    targets: Sequence[str] = DEFAULT_TARGETS,
    description: Description | None = None,
    template: TemplateOptions | None = None,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a complete package into the folder ``out``, which must not exist or be empty.

    Returns:
        The manifest.

    Raises:
        InputError: the checkpoint, its chat template or the description is unsuitable.
        OutputError: the package cannot be written.
    """
    progress = progress or Progress()
    description = description or Description()
    template = template or TemplateOptions()
    start = time.monotonic()
    check_target(out)
    description.check()
    unknown = [target for target in targets if target not in TARGETS]
    if unknown or not targets:
        raise InputError(f"unknown target {', '.join(unknown) or '(none)'}; supported are {', '.join(TARGETS)}")
    model = Model.open(options)
    package_id = description.id or default_id(out)
    tokenizer = ModelTokenizer.open(model.checkpoint.folder, model.config.vocab_size)
    stop_ids = stop_token_ids(model.checkpoint, tokenizer, model.config.vocab_size)
    Sampling.of(model.checkpoint)
    notices = [*runtime_notices(), *model_notices(model.checkpoint.folder)]
    conversation = derive(tokenizer, stop_ids, template)
    # A dry run: what the user described must fit the schema before hours of work, not after.
    manifest.encode(_manifest(model, package_id, description, [_placeholder_library(package_id)], _PLACEHOLDER_FILES))
    for note in conversation.notes:
        progress.say(f"note: {note}")
    check_space(out, model.weight_bytes + LIBRARY_BYTES * len(targets))
    fingerprint = _fingerprint(model, targets, description, template, package_id)
    with Staging(out, fingerprint) as staging:
        if staging.files:
            progress.say(f"resuming: {len(staging.files)} files of an earlier run are kept")
        libraries = [
            _library(staging, model, package_id, target, cache_dir, progress) for target in dict.fromkeys(targets)
        ]
        write_weights(staging, model, progress)
        staging.write("tokenizer.json", tokenizer.content)
        config = chat_config(
            model.checkpoint,
            model.config,
            model.quantization,
            model.window,
            model.prefill_chunk,
            tokenizer,
            conversation,
            stop_ids,
        )
        staging.write("mlc-chat-config.json", manifest.to_json(config))
        staging.write("NOTICE", library_notice().encode())
        for path, text in notices:
            staging.write(path, text)
        sealed = _manifest(model, package_id, description, libraries, staging.files)
        files = staging.publish(seal=(manifest.MANIFEST_NAME, manifest.encode(sealed)))
    total = sum(record.bytes for record in files)
    progress.say(
        f"{out}: {len(files) + 1} files, {total / (1 << 20):.1f} MiB, {time.monotonic() - start:.0f} s, "
        f"peak memory {_peak_memory() / (1 << 20):.0f} MiB"
    )
    return sealed


def make_weights(options: ModelOptions, out: Path, progress: Progress | None = None) -> list[FileRecord]:
    """Write the quantised weights alone: ``params_shard_*.bin`` and ``tensor-cache.json``."""
    progress = progress or Progress()
    check_target(out)
    model = Model.open(options)
    check_space(out, model.weight_bytes)
    with Staging(out, {"step": "quantize", **_inputs(model)}) as staging:
        write_weights(staging, model, progress)
        return staging.publish()


def write_weights(staging: Staging, model: Model, progress: Progress) -> None:
    """Stream the quantised weights into ``staging``, leaving out shards that an earlier run finished."""
    pending = [shard for shard in model.shards if staging.finished(shard.path) is None]
    specs = [spec for shard in pending for spec in shard.specs]
    blocks = encode(model.checkpoint, specs, model.quantization)
    with (
        progress.stage(f"weights, {model.weight_bytes / (1 << 20):.1f} MiB as {model.quantization}"),
        progress.bytes("weights", _source_bytes(model, specs)) as bar,
    ):
        for path, group in groupby(split_by_shard(pending, blocks), key=lambda pair: pair[0].path):
            with staging.writing(path) as file:
                for _, block in group:
                    file.write(block.data)
                    bar.update(block.source_bytes)
    cache = tensor_cache(model.shards, unquantized_count(model.config))
    staging.write("tensor-cache.json", manifest.to_json(cache))


def default_id(out: Path) -> str:
    """A package id from the folder's name."""
    return re.sub(r"[^a-z0-9._-]+", "-", Path(os.path.abspath(out)).name.lower()).strip("-._")[:64] or "model"


def _library(
    staging: Staging, model: Model, package_id: str, target: str, cache_dir: Path | None, progress: Progress
) -> dict[str, Any]:
    # Made anew when a run resumes: it takes seconds, and what it requires of a device is known only then.
    path = f"{package_id}-{target}.wasm"
    with progress.stage(f"library for {target}"):
        report = compile_model(model, target, staging.folder / path, cache_dir, progress)
    staging.adopt(path)
    return {"path": path, "target": target, "requires": report.requires.to_manifest()}


def compile_model(model: Model, target: str, output: Path, cache_dir: Path | None, progress: Progress) -> LibraryReport:
    """Compile one library for an opened model.

    Raises:
        OutputError: there is no room for it where it goes, or for its parts where temporary files go.
    """
    # LLVM ends the whole process where it cannot write.
    for folder in dict.fromkeys((output.parent, Path(tempfile.gettempdir()))):
        require_room(folder, LIBRARY_BYTES)
    from .compile.library import compile_library  # TVM takes seconds to import: only where it is needed.

    return compile_library(
        model.config,
        model.quantization,
        target,
        model.context_window,
        model.prefill_chunk,
        output,
        cache_dir,
        progress.say,
    )


def _manifest(
    model: Model,
    package_id: str,
    description: Description,
    libraries: list[dict[str, Any]],
    files: Sequence[FileRecord],
) -> dict[str, Any]:
    reviewed = {"reviewed": description.reviewer is not None}
    if description.reviewer is not None:
        reviewed["reviewer"] = description.reviewer
    return {
        "format": manifest.FORMAT,
        "id": package_id,
        "version": description.version,
        "title": {"zh": description.title_zh or package_id, "en": description.title_en or package_id},
        "architecture": model.config.family,
        "quantization": model.quantization,
        "parameters": unquantized_count(model.config),
        "context_window_size": model.window.cache_tokens,
        "prefill_chunk_size": model.prefill_chunk,
        "engine": {"web_llm": manifest.WEB_LLM_VERSION},
        "libraries": libraries,
        "provenance": {
            "base": description.base or _declared_base(model.checkpoint),
            "stages": list(description.stages),
            "data": list(description.data),
            "licence": description.licence or "unknown",
            "built_with": _versions(),
        },
        "evaluation": description.evaluation,
        "clinical": {**reviewed, "notice": {"zh": description.notice_zh, "en": description.notice_en}},
        "files": [asdict(record) for record in sorted(files, key=lambda record: record.path)],
    }


def _declared_base(checkpoint: Checkpoint) -> str:
    if not checkpoint.config.get("_name_or_path"):
        return "unknown"
    return Fields(checkpoint.config, checkpoint.folder / "config.json").text("_name_or_path")


_PLACEHOLDER_FILES = [
    FileRecord(path, 0, "0" * 64) for path in ("mlc-chat-config.json", "tensor-cache.json", "tokenizer.json")
]


def _placeholder_library(package_id: str) -> dict[str, Any]:
    return {
        "path": "tokenizer.json",
        "target": "gpu",
        "requires": {"features": [], "vram_mb": 0, "max_buffer_bytes": 0},
    }


def _versions() -> dict[str, str]:
    names = ("apache-tvm", "apache-tvm-ffi", "ziglang", "torch", "transformers", "tokenizers")
    return {"hypnos-convert": __version__, **{name: importlib.metadata.version(name) for name in names}}


def _inputs(model: Model) -> dict[str, Any]:
    """What decides the bytes of the weight shards, for resuming: input files by size and time, settings, versions."""
    folder = model.checkpoint.folder
    with reading(folder):
        others = [path for path in sorted([*folder.glob("*.json"), *folder.glob("*.jinja")]) if path.is_file()]
        stats = [
            (str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns)
            for path in (*model.checkpoint.files, *others)
        ]
    return {
        "files": stats,
        "quantization": model.quantization,
        "window": asdict(model.window),
        "prefill_chunk": model.prefill_chunk,
        "versions": _versions(),
    }


def _fingerprint(
    model: Model, targets: Sequence[str], description: Description, template: TemplateOptions, package_id: str
) -> dict[str, Any]:
    # The description is left out on purpose: it only reaches the manifest, which is written anew each time.
    return {
        "step": "package",
        **_inputs(model),
        "targets": list(targets),
        "id": package_id,
        "template": {**asdict(template), "date": str(template.date)},
    }


def _source_bytes(model: Model, specs: Sequence[ParameterSpec]) -> int:
    names = {source.name for spec in specs for source in spec.sources}
    infos = (model.checkpoint.tensors[name] for name in names)
    total = 0
    for info in infos:
        count = 1
        for size in info.shape:
            count *= size
        total += count * (4 if info.dtype == "F32" else 2)
    return total


def _peak_memory() -> int:
    """Most bytes of memory that this process has held at a time."""
    try:
        # ru_maxrss would count what the parent held when it started this process.
        status = Path("/proc/self/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) << 10
    except (OSError, TypeError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
