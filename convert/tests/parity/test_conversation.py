"""Conversations through web-llm: prefill of any length, reuse of the KV cache, a full context window, JSON answers."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest

from parity import reference
from parity.browser import Answer, PageError, Session
from parity.packages import CONTEXT_WINDOW, PREFILL_CHUNK, Loaded, Package
from parity.test_parity import expected_logits

SYSTEM = {"role": "system", "content": "简答"}
QUESTIONS = ["丙泊酚的诱导剂量？", "Why?", "谢谢"]


@pytest.fixture
def package(loaded: Loaded) -> Package:
    return loaded("qwen2", "q4f32_1", "software")[0]


@pytest.fixture
def session(loaded: Loaded) -> Session:
    return loaded("qwen2", "q4f32_1", "software")[1]


@pytest.mark.parametrize(
    "length", [1, 2, PREFILL_CHUNK - 1, PREFILL_CHUNK, PREFILL_CHUNK + 1, 2 * PREFILL_CHUNK, CONTEXT_WINDOW]
)
def test_prefill_of_any_length(package: Package, session: Session, length: int) -> None:
    ids = np.random.default_rng(length).integers(0, package.model.config.vocab_size, length).tolist()
    answer = session.prefill(ids)
    assert answer.chunks == [min(PREFILL_CHUNK, length - i) for i in range(0, length, PREFILL_CHUNK)]
    reference.assert_same_logits(answer.logits, expected_logits(package, answer))


def assert_constrained(package: Package, answer: Answer) -> None:
    """The logits of what the grammar forbids are gone, the others are the model's."""
    allowed = answer.logits > -1e30
    assert allowed.any(1).all() and not allowed.all(1).any()
    assert allowed[np.arange(len(answer.tokens)), answer.tokens].all()
    reference.assert_same_logits(answer.logits[allowed], expected_logits(package, answer)[allowed])


def test_turns_reuse_the_cache(package: Package, session: Session) -> None:
    # web-llm keeps the cache only behind answers that ended by themselves: a grammar lets a random model do that.
    grammar = {"type": "grammar", "grammar": 'root ::= "好" [a-z] [a-z]'}
    messages = [SYSTEM]
    held: list[int] = []
    for question in QUESTIONS:
        messages.append({"role": "user", "content": question})
        answer = session.chat(messages, fresh=not held, temperature=0, response_format=grammar)
        messages.append({"role": "assistant", "content": answer.text})
        assert answer.finish_reason == "stop"
        assert answer.stream[: len(held)] == held
        assert sum(answer.chunks) == len(answer.stream) - len(held)
        assert_constrained(package, answer)
        held = answer.stream
    # Behind the conversation as behind one prompt.
    reused = session.prefill([5], fresh=False)
    fresh = session.prefill([*held, 5])
    reference.assert_same_logits(fresh.logits, reused.logits, tolerance=1e-4)


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


def test_generates_far_beyond_a_sliding_window(loaded: Loaded) -> None:
    package, session = loaded("mistral", "q4f32_1", "software")
    window = package.chat_config["sliding_window_size"]
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
            "safe": {"type": "boolean"},
            "steps": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 3},
        },
        "required": ["drug", "safe", "steps"],
        "additionalProperties": False,
    }
    # JSON allows any amount of white space, and a random model would go on with it for ever.
    pieces = [package.tokenizer.decode([token]) for token in range(package.tokenizer.get_vocab_size())]
    no_space = {token: -100 for token, piece in enumerate(pieces) if any(map(str.isspace, piece))}
    answers = set()
    for seed in range(3):
        answer = session.chat(
            [SYSTEM, {"role": "user", "content": "药？"}],
            seed=seed,
            temperature=5.0,
            top_p=1.0,
            logit_bias=no_space,
            response_format={"type": "json_object", "schema": json.dumps(schema)},
        )
        assert answer.finish_reason == "stop", answer.text
        jsonschema.validate(json.loads(answer.text), schema)
        answers.add(answer.text)
        assert_constrained(package, answer)
    assert len(answers) > 1
