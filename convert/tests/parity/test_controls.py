"""The comparisons can fail: a damaged weight, a changed reference and a broken library are all noticed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from parity import reference
from parity.browser import Browser, PageError
from parity.packages import Package, Packages
from parity.test_parity import PROMPT, expected_logits


def damage(folder: Path, name: str) -> None:
    """Make one weight (of thousands) of the tensor ``name`` wrong."""
    for shard in json.loads((folder / "tensor-cache.json").read_text())["records"]:
        for tensor in shard["records"]:
            if tensor["name"] == name:
                path = folder / shard["dataPath"]
                content = bytearray(path.read_bytes())
                content[tensor["byteOffset"] + tensor["nbytes"] // 2] ^= 0x0F
                path.write_bytes(content)
                return
    raise AssertionError(f"no tensor {name}")


@pytest.mark.parametrize(
    "name",
    [
        "model.layers.1.self_attn.o_proj.q_weight",
        "model.layers.0.mlp.down_proj.q_weight",
        "model.layers.0.self_attn.qkv_proj.q_weight",
    ],
)
def test_one_damaged_weight_is_noticed(browser: Browser, packages: Packages, tmp_path: Path, name: str) -> None:
    package = packages.make("llama2", "q4f32_1")
    folder = tmp_path / "damaged"
    shutil.copytree(package.folder, folder)
    damage(folder, name)
    damaged = Package(package.checkpoint, folder, package.quantization)
    with browser.open(folder, package.library("software")) as session:
        answer = session.complete(PROMPT, max_tokens=1, temperature=0, ignore_eos=True)
    with pytest.raises(AssertionError, match="exceeds"):
        reference.assert_same_logits(answer.logits, expected_logits(package, answer))
    # The reference reads the package: it follows the damage.
    reference.assert_same_logits(answer.logits, expected_logits(damaged, answer))


def test_quantised_weights_are_the_nearest(packages: Packages) -> None:
    package = packages.make("qwen3", "q4f32_1")
    original = reference.checkpoint_model(package.checkpoint).state_dict()
    quantized = 0
    for name, found in package.model.state_dict().items():
        expected = original[name]
        if found.dim() < 2:
            assert found.equal(expected), name
            continue
        quantized += 1
        padded = np.pad(expected.numpy(), ((0, 0), (0, -expected.shape[1] % 32)))
        step = np.abs(padded.reshape(len(padded), -1, 32)).max(2) / 7
        half_steps = np.repeat(step, 32, axis=1)[:, : expected.shape[1]] / 2
        assert (np.abs(found.numpy() - expected.numpy()) <= half_steps * (1 + 1e-5) + 1e-9).all(), name
    assert quantized > 10


@pytest.mark.parametrize("row", [0, -1])
def test_comparison_sees_every_row(row: int) -> None:
    expected = np.zeros((17, 500), np.float32)
    found = expected.copy()
    reference.assert_same_logits(found, expected)
    for wrong in (2e-3, np.nan, np.inf):
        found[row, 499] = wrong
        with pytest.raises(AssertionError):
            reference.assert_same_logits(found, expected)


def test_a_damaged_library_is_an_error(browser: Browser, packages: Packages, tmp_path: Path) -> None:
    package = packages.make("llama2", "q4f32_1")
    folder = tmp_path / "damaged"
    shutil.copytree(package.folder, folder)
    library = folder / package.library("software")
    library.write_bytes(library.read_bytes()[:100_000])
    with pytest.raises(PageError), browser.open(folder, library.name):
        pass
