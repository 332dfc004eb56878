"""Reading checkpoints, and refusing unsuitable ones with a message that says what and where."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import tiny_checkpoint

from hypnos_convert.checkpoint import INDEX_NAME, Checkpoint
from hypnos_convert.errors import InputError
from hypnos_convert.package import Model, ModelOptions


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("qwen2"), "qwen2")


@pytest.fixture(scope="module")
def original_sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("sharded"), "qwen2", max_shard_size="1MB")


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "model"))


@pytest.fixture
def sharded(original_sharded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original_sharded, tmp_path / "sharded"))


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    config = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))


def change_weights(folder: Path, change: Any) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def refusal(folder: Path, **options: Any) -> str:
    with pytest.raises(InputError) as error:
        Model.open(ModelOptions(folder, **options))
    return str(error.value)


def test_sharded_and_single_checkpoints_hold_the_same(folder: Path, sharded: Path):
    single, parts = Checkpoint.open(folder), Checkpoint.open(sharded)
    assert len(parts.files) > 2
    assert single.tensors.keys() == parts.tensors.keys()
    for name in single.tensors:
        expected = torch.cat(list(single.rows(name)))
        assert torch.equal(torch.cat(list(parts.rows(name, rows_per_block=3))), expected)


def test_a_sliding_window_bounds_the_cache_and_the_chunk(tmp_path: Path):
    folder = tiny_checkpoint(tmp_path, "mistral", sliding_window=64)
    plain = Model.open(ModelOptions(folder, context_window=64)).window
    assert (plain.context, plain.sliding) == (64, -1)
    sliding = Model.open(ModelOptions(folder, context_window=1024))
    assert (sliding.window.context, sliding.window.sliding) == (-1, 64)
    assert sliding.prefill_chunk == 64


def test_a_folder_that_is_not_there(tmp_path: Path):
    assert "no such folder" in refusal(tmp_path / "nowhere")


def test_a_folder_without_config(folder: Path):
    (folder / "config.json").unlink()
    assert "config.json is missing" in refusal(folder)


def test_a_config_that_is_no_json(folder: Path):
    (folder / "config.json").write_text("{")
    assert "config.json is not valid JSON" in refusal(folder)


def test_an_adapter_instead_of_a_model(folder: Path):
    (folder / "config.json").rename(folder / "adapter_config.json")
    assert "merge it into its base model" in refusal(folder)


def test_unsupported_architecture_is_named_with_the_supported(folder: Path):
    change_config(folder, architectures=["MambaForCausalLM"])
    message = refusal(folder)
    assert "MambaForCausalLM" in message
    for supported in ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"):
        assert supported in message


def test_unsupported_rope_is_named_with_the_supported(folder: Path):
    change_config(folder, rope_parameters={"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0})
    message = refusal(folder)
    assert "RoPE type 'yarn'" in message
    assert "default, llama3" in message


@pytest.mark.parametrize("head_dim", [63, 72, 256])
def test_odd_head_sizes(folder: Path, head_dim: int):
    change_config(folder, head_dim=head_dim)
    message = refusal(folder)
    assert f"head size {head_dim} is not supported" in message
    assert "64, 80, 96, 128" in message


def test_already_quantised_weights(folder: Path):
    change_config(folder, quantization_config={"quant_method": "gptq", "bits": 4})
    assert "already quantised (gptq)" in refusal(folder)


def test_other_stored_types(folder: Path):
    change_weights(folder, lambda w: w.update({"model.norm.weight": w["model.norm.weight"].to(torch.float64)}))
    assert "model.norm.weight is stored as F64; supported are F32, F16, BF16" in refusal(folder)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pth", "model.pkl"])
def test_pickled_weights_are_refused_and_never_opened(folder: Path, name: str):
    ran = folder / "ran"

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (ran,))

    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(Bomb()))
    message = refusal(folder)
    assert name in message
    assert "refused" in message
    assert not ran.exists()


def test_no_weights_at_all(folder: Path):
    (folder / "model.safetensors").unlink()
    assert "no *.safetensors file" in refusal(folder)


def test_a_missing_shard_is_named(sharded: Path):
    lost = sorted(sharded.glob("model-*.safetensors"))[1]
    lost.unlink()
    message = refusal(sharded)
    assert lost.name in message
    assert "weight files are missing" in message


def test_shards_without_their_index(sharded: Path):
    (sharded / INDEX_NAME).unlink()
    assert INDEX_NAME in refusal(sharded)


def test_an_index_that_points_elsewhere(sharded: Path):
    index = json.loads((sharded / INDEX_NAME).read_text())
    index["weight_map"]["model.norm.weight"] = "../model.safetensors"
    (sharded / INDEX_NAME).write_text(json.dumps(index))
    assert "'../model.safetensors', which is no safetensors file name" in refusal(sharded)


@pytest.mark.parametrize("kept", [0, 5, 1000, -1])
def test_a_truncated_shard_is_named(folder: Path, kept: int):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    message = refusal(folder)
    assert "model.safetensors (" in message
    assert "truncated or damaged" in message


def test_a_missing_tensor_is_named(folder: Path):
    change_weights(folder, lambda w: w.pop("model.layers.1.mlp.up_proj.weight"))
    assert "missing from the checkpoint: model.layers.1.mlp.up_proj.weight" in refusal(folder)


def test_a_left_over_tensor_is_named(folder: Path):
    change_weights(folder, lambda w: w.update({"model.layers.0.self_attn.o_proj.bias": torch.zeros(256)}))
    assert "does not account for: model.layers.0.self_attn.o_proj.bias" in refusal(folder)


def test_a_shape_mismatch_is_named(folder: Path):
    change_weights(folder, lambda w: w.update({"model.layers.0.mlp.up_proj.weight": torch.zeros(350, 256)}))
    assert "up_proj.weight has shape [350, 256], but config.json asks for [352, 256]" in refusal(folder)


def test_a_vocabulary_mismatch_is_explained(folder: Path):
    change_config(folder, vocab_size=600)
    assert "vocab_size is 600, but the vocabulary of the weights has 512 entries" in refusal(folder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"context_window": 8}, "at least 16 tokens"),
        ({"context_window": 4096}, "exceeds the 2048 positions"),
        ({"context_window": 128, "prefill_chunk": 129}, "between 1 and the context window of 128"),
        ({"quantization": "q3f16_1"}, "unknown quantization 'q3f16_1'"),
    ],
)
def test_options_that_do_not_fit(folder: Path, options: dict[str, Any], message: str):
    assert message in refusal(folder, **options)
