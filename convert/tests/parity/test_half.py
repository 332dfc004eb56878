"""The half-precision libraries: every WGSL module is valid, and they compute the reference's logits.

Software adapters lack ``shader-f16``. So Dawn's null backend, which has it, validates the modules; and where the
adapter lacks it, half.mjs rewrites them before they run: what is in memory is half precision, registers keep more.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from hypnos_convert.compile.config import ModelConfig
from hypnos_convert.compile.library import shader_sources
from parity import reference
from parity.browser import Browser
from parity.packages import CONTEXT_WINDOW, PREFILL_CHUNK, SHAPES, Packages
from parity.test_parity import PROMPT, expected_logits

TOLERANCE = 0.05
"""Largest absolute difference of a logit from float32 activations; logits spread over a few units."""


def complaints(sources: list[str]) -> list[list[str]]:
    """What Dawn finds wrong with each WGSL module."""
    node = shutil.which("node")
    assert node is not None
    result = subprocess.run(
        [node, Path(__file__).with_name("wgsl.mjs")],
        input=json.dumps(sources),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("target", ["gpu", "software"])
@pytest.mark.parametrize(
    ("shape", "quantization"), [*((shape, "q4f16_1") for shape in SHAPES), ("llama2", "q0f16"), ("mistral", "q0f16")]
)
def test_every_module_is_valid(packages: Packages, shape: str, quantization: str, target: str) -> None:
    config = ModelConfig.from_hf(json.loads((packages.checkpoint(shape) / "config.json").read_text()))
    sources = shader_sources(config, quantization, target, CONTEXT_WINDOW, PREFILL_CHUNK)
    assert any("enable f16" in source for source in sources.values())
    found = zip(sources, complaints(list(sources.values())), strict=True)
    assert not {name: messages for name, messages in found if messages}


def test_invalid_modules_are_found() -> None:
    valid = "enable f16;\n@compute @workgroup_size(1) fn main() { var x = 1.0h; x += 1.0h; }"
    found = complaints([valid, valid.replace("+= 1.0h", "+= 1.0f"), valid.replace("enable f16;", "")])
    assert [bool(messages) for messages in found] == [False, True, True]


@pytest.mark.parametrize(
    ("shape", "quantization", "target"),
    [
        ("llama2", "q4f16_1", "software"),
        ("llama3", "q4f16_1", "software"),
        ("narrow-mistral", "q4f16_1", "software"),
        ("qwen2", "q4f16_1", "software"),
        ("qwen3", "q4f16_1", "software"),
        ("qwen3", "q0f16", "software"),
        ("llama2", "q4f16_1", "gpu"),
    ],
)
def test_logits(browser: Browser, packages: Packages, shape: str, quantization: str, target: str) -> None:
    package = packages.make(shape, quantization)
    emulate = "shader-f16" not in browser.features()
    with browser.open(package.folder, package.library(target), emulate_half=emulate) as session:
        answer = session.complete(PROMPT, max_tokens=17, temperature=0, ignore_eos=True)
    expected = expected_logits(package, answer)
    reference.assert_same_logits(answer.logits, expected, tolerance=TOLERANCE)
    # Half precision and not more: the rounding shows.
    assert np.abs(answer.logits - expected).max() > reference.TOLERANCE / 10
    assert answer.tokens == answer.logits.argmax(1).tolist()
