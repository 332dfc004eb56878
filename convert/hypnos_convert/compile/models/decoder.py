"""The functions that web-llm calls, as a Relax module: every operation is one call of one fused kernel.

A token's way: ``embed`` looks it up; ``prefill`` (a chunk) or ``decode`` (one token) run the layers against the paged
KV cache and return the last token's logits (1, 1, vocabulary) in float32; ``softmax_with_temperature``,
``argsort_probs`` and ``sample_with_top_p`` turn them into the next token.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import tvm
from tvm import relax, tirx

from ..config import ModelConfig
from ..kernels import sampling
from ..kernels.dsl import Kernel
from ..kernels.linear import Linear
from ..parameters import parameters, quantization_named
from ..targets import Kernels, left_out

# kv_cache.py, RopeMode: rotate before the cache (it switches to rotating inside attention with a sliding window).
ROPE_NORMAL = 1
ATTENTION_MHA = 0


class Decoder:
    """Builds one module; the families override what sets them apart."""

    def __init__(self, config: ModelConfig, quantization: str, kernels: Kernels) -> None:
        self.config = config
        self.quantization = quantization_named(quantization)
        self.specs = parameters(config, quantization)
        self.kernels = kernels
        self.dtype = self.quantization.dtype
        self.builder = relax.BlockBuilder()
        self.implementations: dict[str, tirx.PrimFunc] = {}
        self._functions: dict[str, Any] = {}
        self._parameters: dict[str, relax.Expr] = {}
        self._packed: relax.Var | None = None

    # The module.

    def build(self, metadata: dict[str, Any]) -> tvm.IRModule:
        """All functions, with kernels by their signature only; ``implementations`` has their bodies.

        ``metadata`` is what ``_metadata`` returns to web-llm, as JSON.
        """
        self._embed()
        self._forward("prefill", one_token=False)
        self._forward("decode", one_token=True)
        self._create_cache()
        self._softmax()
        self._argsort()
        self._sample()
        with self.builder.function("_metadata", []):
            self.builder.emit_func_output(tvm.ir.StringImm(json.dumps(metadata)))
        module = self.builder.finalize()
        for kernel in (sampling.logit_bias(), sampling.penalties(), sampling.grammar_mask()):
            name = kernel.signature.attrs["global_symbol"]
            module[name] = kernel.signature
            self.implementations[name] = kernel.implementation
        return module

    # What a layer is made of.

    def layer(self, index: int, hidden: relax.Expr, cache: relax.Var, tokens: Any) -> relax.Expr:
        config, name = self.config, f"model.layers.{index}"
        qkv = self.linear(
            "qkv",
            f"{name}.self_attn.qkv_proj",
            hidden,
            tokens,
            norm=f"{name}.input_layernorm.weight",
            rows=config.qkv_size,
            columns=config.hidden_size,
            output_shape=(config.num_heads + 2 * config.num_kv_heads, config.head_dim),
            bias=config.qkv_bias,
        )
        attended = self.attention(index, self.prepare_qkv(name, qkv), cache, tokens)
        hidden = self.linear(
            "attention_output",
            f"{name}.self_attn.o_proj",
            attended,
            tokens,
            rows=config.hidden_size,
            columns=config.query_size,
            bias=config.output_bias,
            residual=hidden,
        )
        activated = self.linear(
            "gate_up",
            f"{name}.mlp.gate_up_proj",
            hidden,
            tokens,
            norm=f"{name}.post_attention_layernorm.weight",
            rows=config.intermediate_size,
            columns=config.hidden_size,
            swiglu=True,
        )
        return self.linear(
            "down",
            f"{name}.mlp.down_proj",
            activated,
            tokens,
            rows=config.hidden_size,
            columns=config.intermediate_size,
            residual=hidden,
        )

    def prepare_qkv(self, layer: str, qkv: relax.Expr) -> relax.Expr:
        """What happens to fused queries, keys and values (tokens, heads, head_dim) before the cache takes them."""
        return qkv

    def attention(self, index: int, qkv: relax.Expr, cache: relax.Var, tokens: Any) -> relax.Expr:
        config = self.config
        attended = self.emit(
            relax.call_dps_packed(
                "vm.builtin.attention_kv_cache_attention_with_fused_qkv",
                [cache, relax.prim_value(index), relax.prim_value(tirx.const(config.head_dim**-0.5, "float32")), qkv],
                out_ty=relax.TensorType((tokens, config.num_heads, config.head_dim), self.dtype),
            )
        )
        return self.emit(relax.op.reshape(attended, relax.ShapeExpr((tokens, config.query_size))))

    # Calls of kernels.

    def linear(
        self,
        kind: str,
        weight: str,
        x: relax.Expr,
        tokens: Any,
        *,
        rows: int,
        columns: int,
        norm: str | None = None,
        output_shape: tuple[int, ...] | None = None,
        output_dtype: str | None = None,
        bias: bool = False,
        residual: relax.Expr | None = None,
        swiglu: bool = False,
        last_token: bool = False,
    ) -> relax.Expr:
        """norm(x) W^T and what follows it; the weight and bias are found by the name ``weight``."""
        one_token = isinstance(tokens, int)
        arguments = [x]
        fused = norm is not None and self.kernels.target.fused_norm
        if norm is not None:
            gamma = self.parameter(norm)
            arguments = [x, gamma] if fused else [self.call("rms_norm", self.kernels.rms_norm, [x, gamma], x.ty)]
        op = Linear(
            name=kind if one_token or last_token else f"{kind}_prefill",
            rows=rows,
            columns=columns,
            four_bit=self.quantization.four_bit,
            dtype=self.dtype,
            output_dtype=output_dtype or self.dtype,
            output_shape=output_shape or (rows,),
            bias=bias,
            residual=residual is not None,
            swiglu=swiglu,
            norm_eps=self.config.norm_eps if fused else None,
            one_token=one_token and not last_token,
            last_token=last_token,
        )
        arguments += self.weight(weight)
        if bias:
            arguments.append(self.parameter(f"{weight}.bias"))
        if residual is not None:
            arguments.append(residual)
        out = relax.TensorType((1 if last_token else tokens, *op.output_shape), op.output_dtype)
        return self.call(op.name, lambda: self.kernels.linear(op), arguments, out)

    def call(self, name: str, make: Callable[[], Kernel], arguments: list[relax.Expr], out: Any) -> relax.Expr:
        """Call a kernel, made on first use, that writes a new tensor."""
        return self.emit(relax.call_tir(self.function(name, make), arguments, out_ty=out))

    def in_place(self, name: str, make: Callable[[], Kernel], arguments: list[relax.Expr], result: int) -> relax.Expr:
        """Call a kernel that overwrites its argument number ``result``."""
        callee = self.function(name, make)
        return self.emit(relax.op.call_tir_inplace(callee, arguments, [result], out_ty=arguments[result].ty))

    def function(self, name: str, make: Callable[[], Kernel]) -> Any:
        if name not in self._functions:
            self._functions[name] = self.add(name, make())
        return self._functions[name]

    def add(self, name: str, kernel: Kernel) -> Any:
        """Declare a kernel in the module and remember what it does."""
        variable = self.builder.add_func(kernel.signature, name)
        self.implementations[variable.name_hint] = kernel.implementation
        return variable

    def emit(self, value: relax.Expr) -> relax.Var:
        return self.builder.emit(value)

    def parameter(self, name: str) -> relax.Expr:
        """A parameter of the checkpoint inside the function that is being built."""
        if name not in self._parameters:
            index = next(i for i, spec in enumerate(self.specs) if spec.name == name)
            self._parameters[name] = self.emit(relax.TupleGetItem(self._packed, index))
        return self._parameters[name]

    def weight(self, name: str) -> list[relax.Expr]:
        parts = ("q_weight", "q_scale") if self.quantization.four_bit else ("weight",)
        return [self.parameter(f"{name}.{part}") for part in parts]

    def _packed_parameters(self) -> relax.Var:
        fields = [relax.TensorType(spec.shape, spec.dtype) for spec in self.specs]
        self._packed, self._parameters = relax.Var("packed_params", relax.TupleType(fields)), {}
        return self._packed

    # The functions.

    def _embed(self) -> None:
        tokens = tirx.Var("seq_len", "int64")
        ids = relax.Var("input_ids", relax.TensorType((tokens,), "int32"))
        out = relax.TensorType((tokens, self.config.hidden_size), self.dtype)
        with self.builder.function("embed", [ids, self._packed_parameters()], attrs={"num_input": 1}):
            with self.builder.dataflow():
                arguments = [ids, *self.weight("model.embed_tokens")]
                result = self.builder.emit_output(self.call("embed_tokens", self.kernels.embed, arguments, out))
            self.builder.emit_func_output(result)

    def _forward(self, name: str, one_token: bool) -> None:
        config = self.config
        tokens = 1 if one_token else tirx.Var("seq_len", "int64")
        embedded = relax.Var("input_embed", relax.TensorType((1, tokens, config.hidden_size), self.dtype))
        cache = relax.Var("paged_kv_cache", relax.AnyType())
        with self.builder.function(name, [embedded, cache, self._packed_parameters()], attrs={"num_input": 2}):
            with self.builder.dataflow():
                shape = relax.ShapeExpr((tokens, config.hidden_size))
                hidden = self.emit(relax.op.reshape(embedded, shape))
                for index in range(config.num_layers):
                    hidden = self.layer(index, hidden, cache, tokens)
                logits = self.linear(
                    "logits",
                    "model.embed_tokens" if config.tied_embeddings else "lm_head",
                    hidden,
                    tokens,
                    norm="model.norm.weight",
                    rows=config.vocab_size,
                    columns=config.hidden_size,
                    output_shape=(1, config.vocab_size),
                    output_dtype="float32",
                    last_token=True,
                )
                result = self.builder.emit_output(relax.Tuple([logits, cache]))
            self.builder.emit_func_output(result)

    def _create_cache(self) -> None:
        config, kernels = self.config, self.kernels.cache()
        names = ["max_batch_size", "max_total_seq_len", "prefill_chunk_size", "page_size", "support_sliding_window"]
        sizes = [tirx.Var(name, "int64") for name in names]
        arguments = [relax.Var(f"{name}_", relax.ShapeType([size])) for name, size in zip(names, sizes, strict=True)]
        with self.builder.function("create_tir_paged_kv_cache", arguments):
            added = {role: self.add(f"kv_{role}", kernel) for role, kernel in kernels.by_role.items()}

            def backend(role: str) -> relax.Tuple:
                return relax.Tuple([tvm.ir.StringImm("tirx"), added[role]])

            nothing = relax.Tuple([])
            paged, decode = backend("paged"), backend("decode")
            value = relax.prim_value
            unused_window = 1  # of single layers, which no supported family has
            result = relax.call_pure_packed(
                "vm.builtin.paged_attention_kv_cache_create",
                relax.ShapeExpr([*sizes, unused_window]),
                relax.ShapeExpr([0, config.num_layers]),
                value(config.num_heads),
                value(config.num_kv_heads),
                value(config.head_dim),
                value(config.head_dim),
                relax.ShapeExpr([ATTENTION_MHA] * config.num_layers),
                value(False),  # no transfer to other machines
                value(ROPE_NORMAL),
                value(1),  # positions are not stretched
                value(tirx.const(config.rope_theta, "float64")),
                value(0),  # no RoPE extension factors
                relax.const(0, self.dtype),  # only its type is looked at
                added["append"],
                left_out(),  # append for latent attention
                backend("ragged"),
                nothing if kernels.sliding else paged,
                nothing if kernels.sliding else decode,
                paged if kernels.sliding else nothing,
                decode if kernels.sliding else nothing,
                nothing,  # token trees over pages
                nothing,  # token trees
                nothing,  # latent attention
                relax.Tuple([added["merge"]]),
                added["split_rotary"],
                left_out(),  # copy of a page
                left_out(),  # read-out for debugging
                left_out(),  # compaction
                ty_args=relax.AnyType(),
            )
            self.builder.emit_func_output(self.emit(result))

    def _softmax(self) -> None:
        batch, vocabulary = tirx.Var("batch_size", "int64"), self.config.vocab_size
        chunks, partial, finish = self.kernels.softmax()
        full = relax.TensorType((batch, 1, vocabulary), "float32")
        logits = relax.Var("logits", full)
        temperature = relax.Var("temperature", relax.TensorType((batch,), "float32"))
        with self.builder.function("softmax_with_temperature", [logits, temperature]):
            with self.builder.dataflow():
                out = relax.TensorType((batch, 2, chunks.count), "float32")
                sums = self.call("softmax_partial", lambda: partial, [logits, temperature], out)
                probabilities = self.call("softmax_finish", lambda: finish, [logits, temperature, sums], full)
                result = self.builder.emit_output(probabilities)
            self.builder.emit_func_output(result)

    def _argsort(self) -> None:
        batch = tirx.Var("batch_size", "int64")
        probabilities = relax.Var("probs", relax.TensorType((batch, self.config.vocab_size), "float32"))
        with self.builder.function("argsort_probs", [probabilities]):
            # Nothing is sorted: sample_with_top_p, the only reader, searches instead (kernels/sampling.py).
            self.builder.emit_func_output(relax.Tuple([probabilities, probabilities]))

    def _sample(self) -> None:
        batch, samples = tirx.Var("batch_size", "int64"), tirx.Var("num_samples", "int64")
        full = relax.TensorType((batch, self.config.vocab_size), "float32")
        probabilities, unsorted = relax.Var("probs", full), relax.Var("unsorted", full)
        uniform = relax.Var("uniform_samples", relax.TensorType((samples,), "float32"))
        rows = relax.Var("sample_indices", relax.TensorType((samples,), "int32"))
        top_p = relax.Var("top_p", relax.TensorType((batch,), "float32"))
        with self.builder.function("sample_with_top_p", [probabilities, unsorted, uniform, rows, top_p]):
            with self.builder.dataflow():
                out = relax.TensorType((samples,), "int32")
                arguments = [probabilities, uniform, rows, top_p]
                result = self.builder.emit_output(self.call("sample", self.kernels.draw, arguments, out))
            self.builder.emit_func_output(result)
