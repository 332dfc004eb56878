"""The page's CPU engine (llama.cpp, on weights that the page transcodes) computes what transformers computes.

The engine runs as in the page: its reader, its transcoder, its settings. It tells log-probabilities, so the reference's
logits are compared behind a softmax. Since web-llm is held to the same reference in test_parity.py, both engines write
the same first 32 greedy tokens.

Where the two may differ, and by how much:

* llama.cpp keeps keys and values as float16 and multiplies queries and attention weights with them as float16: each is
  rounded by at most 2^-11 of itself. A logit is a sum over such products, and their errors add up to no more than a few
  roundings of the largest logit: ``HALF``, 8 * 2^-11 of it.
* A float32 scale of q4f32_1 becomes a float16: each weight (q - 7) * s changes by at most 2^-11 of itself, because a
  group shares one scale. To first order a logit y changes by at most 2^-11 * sum(|w * dy/dw|) over the weights w
  (``scale_bound``). The transcoder rounds nothing else: q4f16_1 and matrices kept in float32 are exact.
* llama.cpp multiplies Q4_0 with activations that it rounds to Q8_0, 32 of them sharing a step of max/127: each changes
  by up to half a step. This is the engine's own arithmetic, present in every GGUF it runs, and by far the largest of
  the three. How an activation falls depends on all the others, so the reference cannot follow the engine step by step;
  but the reference with both roundings (``with_half_scales``, ``eight_bit_inputs``) is one more draw of the same error,
  and the engine may be no further from the exact model than twice that, and ``HALF``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from parity import reference
from parity.browser import Browser, PageError
from parity.packages import SHAPES, Package, Packages
from parity.test_controls import damage

PROMPT = "丙泊酚 2 mg/kg? Why"
GREEDY = 32
PROMPT_TOKENS = 48 - GREEDY
"""Fits the window of 48 of the sliding shape: the page keeps every answer inside it, so nothing ever slides."""
HALF = 8 * 2.0**-11


def log_softmax(logits: np.ndarray) -> np.ndarray:
    return torch.log_softmax(torch.from_numpy(logits.astype(np.float64)), 1).numpy()


def run(browser: Browser, package: Package) -> tuple[list[int], list[int], np.ndarray]:
    """Token ids of the prompt and of the answer, and the log-probabilities behind each step."""
    ids = package.tokenizer.encode(PROMPT, add_special_tokens=False).ids[:PROMPT_TOKENS]
    with browser.open_cpu(package.folder) as session:
        assert session.context_window >= len(ids) + GREEDY
        tokens, found = session.greedy(ids, GREEDY)
    assert len(tokens) == GREEDY
    return ids, tokens, found


def expected(model: PreTrainedModel, ids: list[int], tokens: list[int]) -> np.ndarray:
    """Logits (steps, vocabulary) of the reference where it has written what the engine wrote."""
    return reference.logits(model, [*ids, *tokens[:-1]])[len(ids) - 1 :]


def best(logits: np.ndarray, package: Package) -> list[int]:
    """Greedy tokens; llama.cpp is told to ignore the one that ends an answer."""
    open_ended = logits.copy()
    open_ended[:, package.chat_config["conv_template"]["stop_token_ids"][0]] = -np.inf
    return open_ended.argmax(1).tolist()


def error(found: np.ndarray, logits: np.ndarray) -> float:
    """Largest difference of a log-probability, in units of the largest logit."""
    assert np.isfinite(found).all()
    return float(np.abs(found - log_softmax(logits)).max() / np.abs(logits).max())


@contextmanager
def eight_bit_inputs(model: PreTrainedModel) -> Iterator[None]:
    """Matrices that become Q4_0 see their inputs as Q8_0: 32 share a step of max/127, kept as float16."""

    def rounded(_: torch.nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        (x,) = inputs
        groups = x.reshape(-1, 32)
        scale = groups.abs().amax(1, keepdim=True) / 127
        steps = torch.where(scale > 0, groups / scale, 0.0)
        steps = torch.round(steps)
        return ((steps * scale.half().float()).reshape(x.shape),)

    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m.in_features % 32 == 0]
    hooks = [module.register_forward_pre_hook(rounded) for module in linear]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def with_half_scales(package: Package) -> PreTrainedModel:
    """The package's model with every scale of a group rounded to float16, as the transcoder does in Q4_0."""
    original = reference.dequantized

    def rounded(q_weight: np.ndarray, q_scale: np.ndarray, columns: int) -> np.ndarray:
        return original(q_weight, q_scale.astype(np.float16) if columns % 32 == 0 else q_scale, columns)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "dequantized", rounded)
        return reference.package_model(package.checkpoint, package.folder, package.quantization)


def scale_bound(model: PreTrainedModel, ids: list[int], token: int) -> float:
    """How far rounding every scale to float16 may move the logit of ``token`` behind ``ids``, to first order."""
    model.zero_grad()
    model(torch.tensor([ids]), use_cache=False).logits[0, -1, token].backward()
    matrices = [p for p in model.parameters() if p.dim() == 2]
    return 2.0**-11 * sum(float((p.grad * p.detach()).abs().sum()) for p in matrices if p.grad is not None)


@pytest.mark.parametrize("shape", SHAPES)
def test_unquantised_logits_and_greedy_tokens(browser: Browser, packages: Packages, shape: str) -> None:
    package = packages.make(shape, "q0f32")
    ids, tokens, found = run(browser, package)
    logits = expected(package.model, ids, tokens)
    assert tokens == best(logits, package)
    assert error(found, logits) <= HALF


@pytest.mark.parametrize("shape", SHAPES)
def test_four_bit_logits(browser: Browser, packages: Packages, shape: str) -> None:
    package = packages.make(shape, "q4f32_1")
    ids, tokens, found = run(browser, package)
    # A model of this test's own: it is spoiled below, and ``package.model`` is every other test's reference.
    exact = reference.package_model(package.checkpoint, package.folder, package.quantization)
    rounded = with_half_scales(package)
    logits = expected(exact, ids, tokens)
    with eight_bit_inputs(rounded):
        explained = 2 * error(log_softmax(expected(rounded, ids, tokens)), logits) + HALF
    assert error(found, logits) <= explained

    # The bound sees a matrix whose rows are one place off.
    projection = exact.model.layers[0].self_attn.q_proj
    projection.weight.data = projection.weight.roll(1, 0)
    assert error(found, expected(exact, ids, tokens)) > explained


def test_half_precision_scales_explain_what_they_change(packages: Packages) -> None:
    package = packages.make("llama2", "q4f32_1")
    ids = package.tokenizer.encode(PROMPT, add_special_tokens=False).ids
    exact = reference.package_model(package.checkpoint, package.folder, package.quantization)
    changed = reference.logits(with_half_scales(package), ids)[-1] - reference.logits(exact, ids)[-1]
    assert np.abs(changed).max() > 0
    for token in range(0, len(changed), 50):
        assert abs(changed[token]) <= scale_bound(exact, ids, token)


def test_one_damaged_weight_is_noticed(browser: Browser, packages: Packages, tmp_path: Path) -> None:
    # The manifest's sum is the first to notice; the engine never sees the file.
    package = packages.make("llama2", "q4f32_1")
    folder = tmp_path / "damaged"
    shutil.copytree(package.folder, folder)
    damage(folder, "model.layers.1.self_attn.o_proj.q_weight")
    with pytest.raises(PageError, match="package-file-corrupt"):
        browser.open_cpu(folder)


def test_an_architecture_without_a_place_is_refused(browser: Browser, packages: Packages, tmp_path: Path) -> None:
    package = packages.make("llama2", "q0f32")
    folder = tmp_path / "other"
    shutil.copytree(package.folder, folder)
    content = json.dumps({**package.chat_config, "model_type": "mamba"}).encode()
    (folder / "mlc-chat-config.json").write_bytes(content)
    manifest = json.loads((folder / "hypnos-package.json").read_text())
    for file in manifest["files"]:
        if file["path"] == "mlc-chat-config.json":
            file.update(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    (folder / "hypnos-package.json").write_text(json.dumps(manifest))
    with pytest.raises(PageError, match="package-unsupported"):
        browser.open_cpu(folder)
