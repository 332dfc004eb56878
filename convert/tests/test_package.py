"""A whole package, made by the command line with a really compiled library."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import CHATML_DEFAULT_SYSTEM, tiny_checkpoint

from hypnos_convert import manifest
from hypnos_convert.__main__ import main
from hypnos_convert.chat_config import Sampling
from hypnos_convert.checkpoint import Checkpoint
from hypnos_convert.quantize import dequantize, reference_weights

OPTIONS = [
    *("--context-window", "256", "--prefill-chunk", "64", "--id", "tiny-qwen2", "--version", "1.2.3"),
    *("--title-zh", "微型模型", "--title-en", "Tiny model", "--licence", "Apache-2.0", "--quiet"),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny_checkpoint(tmp_path_factory.mktemp("package") / "model", "qwen2", vocab_size=523, hidden_size=264)
    (folder / "LICENSE").write_text("the model's own licence")
    (folder / "provenance.json").write_text(
        json.dumps({"base": "from scratch", "stages": ["一般医学", "麻醉学"], "data": ["random numbers"]})
    )
    return folder


@pytest.fixture(scope="module")
def package(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("package") / "out"
    provenance = ["--provenance", str(checkpoint / "provenance.json")]
    assert main(["package", "--model", str(checkpoint), "--out", str(out), *OPTIONS, *provenance]) == 0
    return out


def read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text("utf-8"))


def test_it_is_intact_and_alone(package: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["verify", str(package)]) == 0
    assert "tiny-qwen2 1.2.3" in capsys.readouterr().out
    assert os.listdir(package.parent) == ["out"]


def test_the_manifest_says_what_was_asked_for(package: Path):
    sealed = read(package, manifest.MANIFEST_NAME)
    manifest.check(sealed)
    assert sealed["title"] == {"zh": "微型模型", "en": "Tiny model"}
    assert (sealed["architecture"], sealed["quantization"]) == ("qwen2", "q4f32_1")
    assert (sealed["context_window_size"], sealed["prefill_chunk_size"]) == (256, 64)
    assert sealed["provenance"]["stages"] == ["一般医学", "麻醉学"]
    assert sealed["provenance"]["base"] == "from scratch"
    assert sealed["provenance"]["licence"] == "Apache-2.0"
    assert not sealed["clinical"]["reviewed"]
    libraries = {library["target"]: library["path"] for library in sealed["libraries"]}
    assert libraries == {"gpu": "tiny-qwen2-gpu.wasm", "software": "tiny-qwen2-software.wasm"}
    weights = sum((package / p).stat().st_size for p in os.listdir(package) if p.startswith("params_shard_"))
    for library in sealed["libraries"]:
        assert library["requires"]["features"] == []
        assert library["requires"]["vram_mb"] * 2**20 > weights


def test_the_libraries_ask_for_the_parameters_that_are_there(package: Path):
    cache = read(package, "tensor-cache.json")
    records = [record for shard in cache["records"] for record in shard["records"]]
    for target in ("gpu", "software"):
        library = (package / f"tiny-qwen2-{target}.wasm").read_bytes()
        assert library.startswith(b"\0asm")
        start = library.index(b'{"model_type"')
        metadata, _ = json.JSONDecoder().raw_decode(library[start : start + 1_000_000].decode("latin-1"))
        assert [(p["name"], p["shape"], p["dtype"]) for p in metadata["params"]] == [
            (r["name"], r["shape"], r["dtype"]) for r in records
        ]
        assert (metadata["context_window_size"], metadata["prefill_chunk_size"]) == (256, 64)


def test_the_shards_hold_the_quantised_weights(package: Path, checkpoint: Path):
    reference = reference_weights(checkpoint, "q4f32_1")
    made: dict[str, np.ndarray] = {}
    for shard in read(package, "tensor-cache.json")["records"]:
        data = (package / shard["dataPath"]).read_bytes()
        assert len(data) == shard["nbytes"] <= 32 << 20
        end = 0
        for record in shard["records"]:
            assert record["byteOffset"] == end
            end += record["nbytes"]
            values = np.frombuffer(data, record["dtype"], offset=record["byteOffset"], count=record["nbytes"] // 4)
            made[record["name"]] = values.reshape(record["shape"])
        assert end == len(data)
    name = "model.embed_tokens"
    embedding = dequantize(made[f"{name}.q_weight"], made[f"{name}.q_scale"].copy(), columns=264)
    assert torch.equal(embedding, reference[f"{name}.weight"])
    assert np.array_equal(made["model.norm.weight"], reference["model.norm.weight"].numpy())


def test_what_web_llm_reads_first(package: Path, checkpoint: Path):
    config = read(package, "mlc-chat-config.json")
    assert config["vocab_size"] == 523
    assert (config["context_window_size"], config["sliding_window_size"]) == (256, -1)
    assert config["conv_template"]["stop_token_ids"] == [2, 0]
    assert config["conv_template"]["system_message"] == "你是麻醉学助手。"
    assert (config["temperature"], config["top_p"]) == (0.7, 0.8)
    assert config["tokenizer_info"]["token_postproc_method"] == "byte_level"
    assert config["hypnos"] == {
        "kv_reuse_exact": True,
        "trims_messages": False,
        "control_tokens": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    }
    assert (package / "tokenizer.json").read_bytes() == (checkpoint / "tokenizer.json").read_bytes()


@pytest.mark.parametrize(
    ("declared", "temperature"),
    [
        ({"do_sample": False}, 0.0),
        ({"do_sample": False, "temperature": 0.7, "top_p": 0.8}, 0.0),
        ({"do_sample": True, "temperature": 0.6}, 0.6),
        ({"temperature": 0.6}, 0.6),
        ({"do_sample": True}, 0.7),
        ({}, 0.7),
    ],
)
def test_a_greedy_model_stays_greedy(declared: dict[str, Any], temperature: float, model: Path):
    (model / "generation_config.json").write_text(json.dumps({"eos_token_id": 2, **declared}))
    assert Sampling.of(Checkpoint.open(model)).temperature == temperature


def test_the_licences_travel_along(package: Path):
    listed = {entry["path"] for entry in read(package, manifest.MANIFEST_NAME)["files"]}
    assert {"NOTICE", "licences/apache-tvm-LICENSE.txt", "licences/model-LICENSE"} <= listed
    assert "Apache TVM" in (package / "NOTICE").read_text()
    assert (package / "licences" / "model-LICENSE").read_text() == "the model's own licence"


def test_a_bad_weight_removes_the_libraries_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from safetensors.torch import load_file, save_file

    model = tiny_checkpoint(tmp_path / "model", "qwen2")
    weights = load_file(model / "model.safetensors")
    weights["model.norm.weight"][3] = float("nan")
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    out = tmp_path / "outputs" / "package"
    argv = ["package", "--model", str(model), "--out", str(out), "--targets", "software", "--quiet"]
    assert main(argv) == 3
    assert "tensor model.norm.weight: 1 of 256 weights are NaN or infinite" in capsys.readouterr().err
    assert os.listdir(out.parent) == []


def test_a_library_alone(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "libraries" / "tiny.wasm"
    argv = ["compile", "--model", str(checkpoint), "--out", str(out), "--target", "software", "--context-window", "128"]
    assert main(argv) == 0
    assert "dispatches per token" in capsys.readouterr().err
    assert out.read_bytes().startswith(b"\0asm")
    assert main(argv) == 4
    assert "exists already" in capsys.readouterr().err


def test_a_leftover_truncation_does_not_reach_the_page(tmp_path: Path):
    from hypnos_convert.tokenizer import ModelTokenizer

    model = tiny_checkpoint(tmp_path, "qwen2", chat_template=CHATML_DEFAULT_SYSTEM)
    path = model / "tokenizer.json"
    left = {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "truncation": left}))
    tokenizer = ModelTokenizer.open(model, 512)
    assert len(tokenizer.encode("全身麻醉诱导期的循环管理与监测")) > 4
    assert json.loads(tokenizer.content)["truncation"] is None
