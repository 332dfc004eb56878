"""Conversations through web-llm: prefill of any length, reuse of the KV cache, a full context window, JSON answers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import jsonschema
import numpy as np
import pytest

from parity import reference
from parity.browser import Browser, PageError, Session
from parity.packages import CONTEXT_WINDOW, PREFILL_CHUNK, Package, Packages
from parity.test_parity import expected_logits

QUESTIONS = ["丙泊酚的诱导剂量？", "What about elderly patients?", "谢谢，再见。"]


@pytest.fixture(scope="module")
def package(packages: Packages) -> Package:
    return packages.make("qwen2", "q4f32_1")


@pytest.fixture(scope="module")
def session(browser: Browser, package: Package) -> Iterator[Session]:
    with browser.open(package.folder, package.library("software")) as session:
        yield session


@pytest.mark.parametrize(
    "length", [1, 2, PREFILL_CHUNK - 1, PREFILL_CHUNK, PREFILL_CHUNK + 1, 2 * PREFILL_CHUNK, CONTEXT_WINDOW]
)
def test_prefill_of_any_length(package: Package, session: Session, length: int) -> None:
    ids = np.random.default_rng(length).integers(0, package.model.config.vocab_size, length).tolist()
    answer = session.prefill(ids)
    assert answer.chunks == [min(PREFILL_CHUNK, length - i) for i in range(0, length, PREFILL_CHUNK)]
    reference.assert_same_logits(answer.logits, expected_logits(package, answer))


def test_turns_reuse_the_cache(package: Package, session: Session) -> None:
    messages: list[dict[str, str]] = []
    held = 0
    for question in QUESTIONS:
        messages.append({"role": "user", "content": question})
        answer = session.chat(messages, fresh=not held, max_tokens=6, temperature=0, ignore_eos=True)
        messages.append({"role": "assistant", "content": answer.text})
        fed = len(answer.stream) - held
        assert sum(answer.chunks) == fed
        # A turn costs its own question, the last answer's final token and the template, not the conversation so far.
        assert fed < PREFILL_CHUNK + 6
        reference.assert_same_logits(answer.logits, expected_logits(package, answer))
        held = len(answer.stream)
    fresh = session.prefill(answer.stream)
    reference.assert_same_logits(fresh.logits, answer.logits[-1:], tolerance=1e-4)


def test_generates_to_the_end_of_the_context_window(package: Package, session: Session) -> None:
    answer = session.complete("丙泊酚", temperature=0, ignore_eos=True)
    assert answer.finish_reason == "length"
    assert len(answer.stream) == CONTEXT_WINDOW
    reference.assert_same_logits(answer.logits, expected_logits(package, answer))
    # One token more than fits is refused, and the session goes on.
    with pytest.raises(PageError, match="context window"):
        session.complete("麻" * (CONTEXT_WINDOW + 1))
    again = session.complete("丙泊酚", max_tokens=3, temperature=0, ignore_eos=True)
    assert again.tokens == answer.tokens[:3]


def test_generates_far_beyond_a_sliding_window(browser: Browser, packages: Packages) -> None:
    package = packages.make("mistral", "q4f32_1")
    window = package.chat_config["sliding_window_size"]
    with browser.open(package.folder, package.library("software")) as session:
        answer = session.complete("丙泊酚", max_tokens=3 * window, temperature=0, ignore_eos=True)
        assert len(answer.stream) > 3 * window
        reference.assert_same_logits(answer.logits, expected_logits(package, answer))
        ids = np.random.default_rng(0).integers(0, package.model.config.vocab_size, 3 * window + 5)
        prefilled = session.prefill(ids.tolist())
        reference.assert_same_logits(prefilled.logits, expected_logits(package, prefilled))


def test_json_answer_follows_its_schema(package: Package, session: Session) -> None:
    schema = {
        "type": "object",
        "properties": {
            "drug": {"enum": ["丙泊酚", "etomidate", "ketamine"]},
            "contraindicated": {"type": "boolean"},
            "steps": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 3},
        },
        "required": ["drug", "contraindicated", "steps"],
        "additionalProperties": False,
    }
    answers = set()
    for seed in range(3):
        answer = session.chat(
            [{"role": "user", "content": "哪种药？"}],
            seed=seed,
            temperature=1.5,
            top_p=1.0,
            response_format={"type": "json_object", "schema": json.dumps(schema)},
        )
        assert answer.finish_reason == "stop"
        jsonschema.validate(json.loads(answer.text), schema)
        answers.add(answer.text)
        # The logits of what the grammar forbids are gone, the others are the model's.
        expected = expected_logits(package, answer)
        allowed = answer.logits > -1e30
        assert allowed.any(1).all() and not allowed.all(1).any()
        reference.assert_same_logits(answer.logits[allowed], expected[allowed])
        rows = np.arange(len(answer.tokens))
        assert allowed[rows, answer.tokens].all()
    assert len(answers) > 1
