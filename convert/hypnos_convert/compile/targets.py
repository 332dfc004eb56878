"""Which kernels serve which kind of device."""

from __future__ import annotations

from dataclasses import dataclass, field

import tvm
from tvm import relax
from tvm.relax.frontend.nn.llm import kv_cache as tvm_cache

from .config import ModelConfig, Window
from .kernels import attention, norm, sampling
from .kernels.dsl import Kernel
from .kernels.linear import Linear, rows_per_thread, split_columns, tiled

# The width is what LLVM has for wasm32 anyway; without it every compilation prints a warning.
HOST = {"kind": "llvm", "mtriple": "wasm32-unknown-unknown-wasm", "vector-width": 128}


@dataclass(frozen=True)
class Target:
    """A kind of device.

    Attributes:
        barriers: workgroup barriers are cheap (a real GPU); without them every output has one thread.
        fused_norm: RMSNorm happens inside the matrix products that follow it; worth it where reading a vector twice
            costs less than a dispatch.
        features: WebGPU features that every library for this target needs, besides shader-f16 for float16.
    """

    name: str
    barriers: bool
    fused_norm: bool
    subgroups: bool = False
    features: tuple[str, ...] = field(default=())

    def tvm_target(self) -> tvm.target.Target:
        return tvm.target.Target({"kind": "webgpu", "max_num_threads": 256}, host=HOST)


TARGETS = {
    "gpu": Target("gpu", barriers=True, fused_norm=True),
    "software": Target("software", barriers=False, fused_norm=False),
}


def target_named(name: str) -> Target:
    """Look a target up.

    Raises:
        ValueError: unknown target; the message lists the known ones.
    """
    try:
        return TARGETS[name]
    except KeyError:
        raise ValueError(f"unknown target {name!r}; supported are {', '.join(TARGETS)}") from None


class Kernels:
    """The kernels of one library: each method returns a PrimFunc for the target."""

    def __init__(self, config: ModelConfig, dtype: str, four_bit: bool, target: Target, window: Window) -> None:
        self.config, self.dtype, self.four_bit, self.target, self.window = config, dtype, four_bit, target, window
        self.heads = attention.Heads(config.num_heads, config.num_kv_heads, config.head_dim, dtype)

    def linear(self, op: Linear) -> Kernel:
        if not self.target.barriers:
            return rows_per_thread(op)
        return split_columns(op) if op.one_token or op.last_token else tiled(op)

    def embed(self) -> Kernel:
        return norm.embed(self.config.vocab_size, self.config.hidden_size, self.four_bit, self.dtype)

    def rms_norm(self) -> Kernel:
        return norm.rms_norm("rms_norm", self.config.hidden_size, self.config.norm_eps, self.dtype)

    def head_norm(self) -> Kernel:
        return norm.head_norm(self.heads.query, self.heads.kv, self.heads.dim, self.config.norm_eps, self.dtype)

    def softmax(self) -> tuple[sampling.Chunks, Kernel, Kernel]:
        chunks = sampling.Chunks(self.config.vocab_size, team=64 if self.target.barriers else 1)
        return chunks, sampling.softmax_partial(chunks), sampling.softmax_finish(chunks)

    def draw(self) -> Kernel:
        return sampling.draw(self.config.vocab_size, threads=256 if self.target.barriers else 32)

    def cache(self) -> CacheKernels:
        heads, tvm_target = self.heads, self.target.tvm_target()
        frequencies = attention.inverse_frequencies(heads.dim, self.config.rope_theta, self.config.rope_scaling)
        sliding = self.window.sliding != -1
        kernels = {
            "split_rotary": attention.split_rotary(heads, frequencies),
            "append": attention.append(heads),
            "merge": attention.merge(heads),
        }
        if sliding or self.target.barriers:
            # TVM's tiled kernels. With a sliding window positions are counted inside it as it moves, so these rotate
            # queries and keys as they read them.
            common = (heads.kv, heads.query, heads.dim)
            ragged = tvm_cache._attention_prefill_ragged(*common, heads.dim, heads.dtype, {}, tvm_target)
            paged = tvm_cache._attention_prefill(*common, heads.dtype, sliding, {}, tvm_target)
            decode = tvm_cache._attention_decode(*common, heads.dtype, sliding, {}, tvm_target)
            kernels |= {"ragged": _tvm_kernel(ragged), "paged": _tvm_kernel(paged), "decode": _tvm_kernel(decode)}
        else:
            kernels["ragged"] = attention.prefill_ragged(heads)
            kernels["paged"] = attention.prefill_paged(heads)
            kernels["decode"] = attention.decode(heads)
        return CacheKernels(sliding, kernels)


@dataclass(frozen=True)
class CacheKernels:
    """What the paged KV cache calls, by role; with ``sliding`` the paged ones are for a sliding window."""

    sliding: bool
    by_role: dict[str, Kernel]


def _tvm_kernel(function: tvm.tirx.PrimFunc) -> Kernel:
    return Kernel(signature=function, implementation=function)


def left_out() -> relax.ExternFunc:
    """Stands for a kernel that a single sequence never reaches; throws, naming itself, if it is reached after all."""
    return relax.ExternFunc("hypnos.kernel_left_out")
