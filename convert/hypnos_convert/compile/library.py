"""One call from a model configuration to the .wasm that web-llm loads."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tvm
from tvm import relax, tirx

from .config import ModelConfig, UnsupportedModelError, Window
from .kernels.attention import PAGE
from .models import model_for
from .parameters import parameters, quantization_named
from .runtime import link, runtime_objects
from .targets import Kernels, Target, target_named

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Requirements:
    """What a device must offer, in the terms of the package manifest.

    ``vram_mb`` is in MiB: weights, KV cache for the full window and temporaries of a full prefill chunk.
    ``max_buffer_bytes`` is the largest single GPU buffer.
    """

    features: tuple[str, ...]
    vram_mb: float
    max_buffer_bytes: int

    def to_manifest(self) -> dict[str, Any]:
        return {"features": list(self.features), "vram_mb": self.vram_mb, "max_buffer_bytes": self.max_buffer_bytes}


@dataclass(frozen=True)
class LibraryReport:
    """What came out of a compilation.

    ``shader_modules`` is what a page compiles at load; ``dispatches_per_token`` counts one decoded and sampled token
    without penalties or grammar.
    """

    path: Path
    requires: Requirements
    bytes: int
    seconds: float
    shader_modules: int
    dispatches_per_token: int
    window: Window


def compile_library(
    config: ModelConfig,
    quantization: str,
    target: str,
    context_window: int,
    prefill_chunk: int,
    output: Path,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> LibraryReport:
    """Compile, link and write ``output``, which appears only when complete.

    The first call on a machine also builds the TVM runtime (about 2 minutes); after that a library takes seconds.

    Args:
        context_window: tokens a conversation may hold; see ``ModelConfig.window`` for sliding windows.
        prefill_chunk: most tokens that one forward pass takes in.
        cache_dir: where built runtimes are kept; see ``runtime.cache_directory``.
        progress: told, in words, what begins.

    Raises:
        ValueError: unknown quantisation or target, or a prefill chunk outside 1..context window.
        UnsupportedModelError: the context window does not suit the model.
        ToolchainError, LinkError: the runtime could not be built or the library not be linked.
    """
    start = time.monotonic()
    tell = progress or (lambda message: None)
    runtime = runtime_objects(cache_dir, progress)
    tell(f"compiling the {target} library")
    built = _build(config, quantization, target, context_window, prefill_chunk)
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        built.executable.export_library(
            str(temporary), fcompile=lambda path, objects, options=None, **_: link(Path(path), _paths(objects), runtime)
        )
        os.replace(temporary, output)
    finally:
        temporary.unlink(missing_ok=True)
    return LibraryReport(
        path=output,
        requires=built.requires,
        bytes=output.stat().st_size,
        seconds=time.monotonic() - start,
        shader_modules=len(_shaders(built.executable)),
        dispatches_per_token=built.dispatches_per_token,
        window=built.window,
    )


def shader_sources(
    config: ModelConfig, quantization: str, target: str, context_window: int, prefill_chunk: int
) -> dict[str, str]:
    """The WGSL of every shader module of a library, by entry point, without linking one."""
    return _shaders(_build(config, quantization, target, context_window, prefill_chunk).executable)


def requirements(
    config: ModelConfig, quantization: str, target: Target, window: Window, prefill_chunk: int
) -> Requirements:
    """Estimate of what a library needs of its device."""
    dtype = quantization_named(quantization).dtype
    item = 2 if dtype == "float16" else 4
    specs = parameters(config, quantization)
    pages = math.ceil(window.cache_tokens / PAGE) + 1
    layer_cache = pages * PAGE * 2 * config.kv_size * item
    widths = 3 * config.hidden_size + config.qkv_size + config.intermediate_size  # live at once inside a layer
    attention = 2 * config.query_size + config.qkv_size  # the cache's own copies of a chunk
    temporaries = prefill_chunk * (widths + attention) * item + 4 * 4 * config.vocab_size
    total = sum(spec.nbytes for spec in specs) + config.num_layers * layer_cache + temporaries
    widest = max(config.qkv_size, config.intermediate_size, config.hidden_size)
    features = (*(("shader-f16",) if dtype == "float16" else ()), *target.features)
    return Requirements(
        features=features,
        vram_mb=round(total / 2**20, 1),
        max_buffer_bytes=max(
            *(spec.nbytes for spec in specs), layer_cache, prefill_chunk * widest * item, 4 * config.vocab_size
        ),
    )


@dataclass(frozen=True)
class _Built:
    executable: Any
    requires: Requirements
    window: Window
    dispatches_per_token: int


def _build(config: ModelConfig, quantization: str, target_name: str, context_window: int, prefill_chunk: int) -> _Built:
    target = target_named(target_name)
    window = config.window(context_window)
    if not 1 <= prefill_chunk <= window.cache_tokens:
        raise UnsupportedModelError(
            f"prefill chunk {prefill_chunk} must lie between 1 and the {window.cache_tokens} tokens of the KV cache"
        )
    format_ = quantization_named(quantization)
    requires = requirements(config, quantization, target, window, prefill_chunk)
    kernels = Kernels(config, format_.dtype, format_.four_bit, target, window)
    model = model_for(config, quantization, kernels)
    module = model.build(_metadata(config, quantization, window, prefill_chunk, requires))
    bounds = {"seq_len": prefill_chunk, "batch_size": 1, "num_samples": 1}
    executable, dispatches = _lower(module, model.implementations, target.tvm_target(), bounds)
    return _Built(executable, requires, window, dispatches + _cache_dispatches(config, window))


def _metadata(
    config: ModelConfig, quantization: str, window: Window, prefill_chunk: int, requires: Requirements
) -> dict[str, Any]:
    return {
        "model_type": config.family,
        "quantization": quantization,
        "context_window_size": window.context,
        "sliding_window_size": window.sliding,
        "attention_sink_size": window.sink,
        "prefill_chunk_size": prefill_chunk,
        "tensor_parallel_shards": 1,
        "kv_state_kind": "kv_cache",
        "params": [
            {"name": spec.name, "shape": list(spec.shape), "dtype": spec.dtype, "preprocs": [], "pipeline_stages": [0]}
            for spec in parameters(config, quantization)
        ],
        "memory_usage": {"total_bytes": int(requires.vram_mb * 2**20)},
    }


def _lower(
    module: tvm.IRModule, implementations: dict[str, tirx.PrimFunc], target: tvm.target.Target, bounds: dict[str, int]
) -> tuple[Any, int]:
    for name, function in module.functions.items():
        if isinstance(function, relax.Function):
            attributes = {"tir_var_upper_bound": bounds, "relax.memory_plan_dynamic_func_output": True}
            module[name] = function.with_attrs(attributes)
    calls = [
        relax.transform.ToNonDataflow(),
        relax.transform.RemovePurityChecking(),
        relax.transform.CallTIRRewrite(),
        relax.transform.StaticPlanBlockMemory(),
        relax.transform.LowerAllocTensor(),
        relax.transform.KillAfterLastUse(),
        relax.transform.LowerRuntimeBuiltin(),
        relax.transform.ComputePrimValue(),
        relax.transform.VMShapeLower(),
    ]
    kernels = [
        tirx.transform.BindTarget(target),
        tirx.transform.ForceNarrowIndexToInt32(),
        relax.transform.AttachGlobalSymbol(),
    ]
    # Kernels read scalar tensors four elements at a time (kernels/dsl.py), which argument assertions would refuse; the
    # Relax functions still check every tensor that web-llm passes in.
    with target, tvm.transform.PassContext(config={"tirx.disable_assert": True}):
        dispatches = _count_dispatches(module)
        module = tvm.transform.Sequential(calls)(module)
        for name, implementation in implementations.items():
            module[name] = implementation
        module = tvm.transform.Sequential(kernels)(module)
        executable = relax.build(module, target, relax_pipeline=None, system_lib=True)
    return executable, dispatches


PER_TOKEN = ("embed", "decode", "softmax_with_temperature", "sample_with_top_p")
"""Functions that web-llm calls once per decoded token."""


def _count_dispatches(module: tvm.IRModule) -> int:
    calls = 0
    kernels = (tvm.ir.Op.get("relax.call_tir"), tvm.ir.Op.get("relax.call_tir_inplace"))

    def visit(expression: Any) -> None:
        nonlocal calls
        if isinstance(expression, relax.Call) and any(expression.op == kernel for kernel in kernels):
            calls += 1

    for name in PER_TOKEN:
        relax.analysis.post_order_visit(module[name].body, visit)
    return calls


def _cache_dispatches(config: ModelConfig, window: Window) -> int:
    # Rotary, append, decode; a moving window appends last: rotary, the token itself, the past, merge, append.
    return config.num_layers * (3 if window.sliding == -1 else 5)


def _shaders(executable: Any) -> dict[str, str]:
    sources: dict[str, str] = {}
    waiting = [executable.mod]
    while waiting:
        module = waiting.pop()
        waiting.extend(module.imports)
        if module.kind == "webgpu":
            pieces = re.split(r"//-+\n// Function: (\w+)\n//-+\n", module.inspect_source())
            sources.update(zip(pieces[1::2], pieces[2::2], strict=True))
    return sources


def _paths(objects: Any) -> list[Path]:
    return [Path(o) for o in ([objects] if isinstance(objects, str) else objects)]
