"""The weight files of a package: ``params_shard_<n>.bin`` and the ``tensor-cache.json`` that web-llm finds them by.

The plan is made from the parameter list alone, so file names, sizes and offsets are known before any weight is read,
and any subset of the shards can be written on its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from .compile.parameters import ParameterSpec
from .quantize import EncodedBlock

SHARD_BYTES = 32 << 20
"""Most bytes of a shard that holds more than one tensor. web-llm reads a tensor from one shard only, so a larger
tensor (the embedding of a 150,000-token vocabulary) is a shard of its own size."""


@dataclass
class Shard:
    """One file and the parameters that lie in it, back to back."""

    path: str
    specs: list[ParameterSpec] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        return sum(spec.nbytes for spec in self.specs)


def plan(specs: Sequence[ParameterSpec], cap: int = SHARD_BYTES) -> list[Shard]:
    """Fill shards in parameter order, each up to ``cap`` bytes."""
    shards: list[Shard] = []
    for spec in specs:
        if not shards or shards[-1].nbytes + spec.nbytes > cap:
            shards.append(Shard(f"params_shard_{len(shards)}.bin"))
        shards[-1].specs.append(spec)
    return shards


def tensor_cache(shards: Iterable[Shard], weights: int) -> dict[str, Any]:
    """The content of ``tensor-cache.json``; ``weights`` counts the model's weights before quantisation."""
    records = []
    for shard in shards:
        offset, tensors = 0, []
        for spec in shard.specs:
            tensors.append(
                {
                    "name": spec.name,
                    "shape": list(spec.shape),
                    "dtype": spec.dtype,
                    "format": "raw",
                    "nbytes": spec.nbytes,
                    "byteOffset": offset,
                }
            )
            offset += spec.nbytes
        records.append({"dataPath": shard.path, "format": "raw-shard", "nbytes": offset, "records": tensors})
    total = sum(record["nbytes"] for record in records)
    metadata = {
        "ParamSize": sum(len(record["records"]) for record in records),
        "ParamBytes": total,
        "BitsPerParam": round(8 * total / weights, 3),
    }
    return {"metadata": metadata, "records": records}


def split_by_shard(shards: Sequence[Shard], blocks: Iterable[EncodedBlock]) -> Iterator[tuple[Shard, EncodedBlock]]:
    """Pair every block with the shard it belongs to, checking that each parameter gets exactly its bytes.

    ``blocks`` must come in the order of the shards' parameters.
    """
    expected = [(shard, spec) for shard in shards for spec in shard.specs]
    position, filled = 0, 0
    for block in blocks:
        shard, spec = expected[position]
        filled += len(block.data)
        if block.name != spec.name or filled > spec.nbytes:
            raise AssertionError(f"{block.name}: {filled} bytes where {spec.name} ({spec.nbytes} bytes) was due")
        yield shard, block
        if filled == spec.nbytes:
            position, filled = position + 1, 0
    if position != len(expected):
        raise AssertionError(f"parameter {expected[position][1].name} is incomplete")
