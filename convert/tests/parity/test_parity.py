"""Every architecture computes in the browser what transformers computes.

Full logits after prefill and after each of 16 decoded tokens, and 32 greedy tokens, through web-llm's text completion.
The prompt is longer than the prefill chunk, so each run also proves chunked prefill.
"""

from __future__ import annotations

import numpy as np
import pytest

from parity import reference
from parity.browser import Answer, Session
from parity.packages import PREFILL_CHUNK, SHAPES, Loaded, Package

PROMPT = "全身麻醉诱导期的循环管理：丙泊酚 2 mg/kg? What is the minimum alveolar concentration of sevoflurane?"
COMPARED = 17
"""Rows of logits compared: behind the prompt and behind each of 16 decoded tokens."""
GREEDY = 32


def expected_logits(package: Package, answer: Answer) -> np.ndarray:
    """The reference's rows for the positions at which ``answer`` has logits."""
    config = package.chat_config
    if config["sliding_window_size"] == -1:
        rows = reference.logits(package.model, answer.stream)
    else:
        window, sink = config["sliding_window_size"], config["attention_sink_size"]
        rows = reference.sliding_logits(package.model, answer.stream, answer.chunks, window, sink)
    return rows[np.array(answer.positions) - 1]


def check(package: Package, session: Session) -> None:
    answer = session.complete(PROMPT, max_tokens=GREEDY, temperature=0, ignore_eos=True)
    prompt = package.tokenizer.encode(PROMPT, add_special_tokens=False).ids
    assert len(prompt) > PREFILL_CHUNK
    assert answer.usage["prompt_tokens"] == len(prompt)
    assert answer.stream == prompt + answer.tokens[:-1]
    assert len(answer.tokens) == GREEDY and answer.finish_reason == "length"
    expected = expected_logits(package, answer)
    reference.assert_same_logits(answer.logits[:COMPARED], expected[:COMPARED])
    assert answer.tokens == expected.argmax(1).tolist()


@pytest.mark.parametrize(
    ("quantization", "target"), [("q0f32", "software"), ("q4f32_1", "software"), ("q4f32_1", "gpu")]
)
@pytest.mark.parametrize("shape", SHAPES)
def test_logits_and_greedy_tokens(loaded: Loaded, shape: str, quantization: str, target: str) -> None:
    check(*loaded(shape, quantization, target))


def test_logits_and_greedy_tokens_of_the_gpu_library_unquantised(loaded: Loaded) -> None:
    # One family stands for all here: software WebGPU takes most of a minute to load a library made for real GPUs.
    check(*loaded("llama2", "q0f32", "gpu"))
