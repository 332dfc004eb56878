"""Chat templates in web-llm's terms, checked against transformers and against web-llm's own code run by Node."""

from __future__ import annotations

import datetime
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import templates
from hypothesis import given
from hypothesis import strategies as st
from templates import CHATML_TOKENS, LLAMA3_TOKENS, byte_level, sentencepiece

from hypnos_convert import chat_template, sandbox
from hypnos_convert.chat_template import PROBE_TURNS, Conversation, TemplateOptions, derive
from hypnos_convert.conversation import js_replace, prompt_parts
from hypnos_convert.errors import InputError, TemplateError
from hypnos_convert.tokenizer import ModelTokenizer

HERE = Path(__file__).parent
SYSTEM = "只回答麻醉学问题。Answer in Chinese."


def chatml(folder: Path, template: str = templates.CHATML) -> ModelTokenizer:
    return byte_level(folder, template, CHATML_TOKENS, bos=None, eos="<|im_end|>")


def llama3(folder: Path, template: str = templates.LLAMA3) -> ModelTokenizer:
    return byte_level(folder, template, LLAMA3_TOKENS, bos="<|begin_of_text|>", eos="<|eot_id|>")


def zephyr(folder: Path) -> ModelTokenizer:
    return byte_level(folder, templates.ZEPHYR, ["<s>", "</s>"], bos="<s>", eos="</s>")


MAKERS: dict[str, tuple[Any, TemplateOptions]] = {
    "chatml": (chatml, TemplateOptions()),
    "chatml, system prompt of the package": (chatml, TemplateOptions(system_prompt="费用 $$5，$& 与 $'。")),
    "qwen2.5, default system": (lambda f: chatml(f, templates.CHATML_DEFAULT_SYSTEM), TemplateOptions()),
    "qwen3, not thinking": (lambda f: chatml(f, templates.QWEN3), TemplateOptions()),
    "qwen3, thinking": (lambda f: chatml(f, templates.QWEN3), TemplateOptions(thinking=True)),
    "llama 2, no system": (lambda f: sentencepiece(f, templates.LLAMA2), TemplateOptions(system=False)),
    "llama 3": (llama3, TemplateOptions()),
    "llama 3, system prompt of the package": (llama3, TemplateOptions(system_prompt="Be brief.")),
    "llama 3.2, dated": (
        lambda f: llama3(f, templates.LLAMA32),
        TemplateOptions(date=datetime.date(2024, 7, 26)),
    ),
    "mistral": (lambda f: sentencepiece(f, templates.MISTRAL), TemplateOptions()),
    "mistral, system last, none given": (
        lambda f: sentencepiece(f, templates.MISTRAL_SYSTEM_LAST),
        TemplateOptions(system=False),
    ),
    "zephyr": (zephyr, TemplateOptions()),
}
NO_SYSTEM = {"llama 2, no system", "mistral", "mistral, system last, none given"}
"""Templates that take no system message, or packages that declare they get none."""

CACHE_EXACT = {
    "chatml, system prompt of the package",
    "qwen2.5, default system",
    "llama 3, system prompt of the package",
    "llama 3.2, dated",
}
"""Where a conversation that goes on in the KV cache reads like a fresh one. It cannot be so where the first question
must look like the later ones (no system message), nor where the template rewrites history (Qwen3's empty thought)."""


@pytest.fixture(scope="module", params=MAKERS, ids=list(MAKERS))
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, ModelTokenizer, TemplateOptions, Conversation]:
    make, options = MAKERS[request.param]
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer = make(folder)
    return request.param, folder, tokenizer, options, derive(tokenizer, [2], options)


def reference(tokenizer: ModelTokenizer, options: TemplateOptions, system: str | None, turns: list[str]) -> list[int]:
    """Token ids from transformers alone."""
    system = options.system_prompt if system is None else system
    messages = [{"role": "system", "content": system}] if system is not None else []
    messages += [{"role": "assistant" if i % 2 else "user", "content": text} for i, text in enumerate(turns)]
    with mock.patch("transformers.utils.chat_template_utils.datetime") as clock:
        clock.now.return_value = options.date
        return tokenizer.reference.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=False, enable_thinking=options.thinking
        )


def run_web_llm(folder: Path, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    (folder / "page-tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    done = subprocess.run(
        ["node", str(HERE / "web_llm_prompt.mjs")],
        input=json.dumps({"tokenizer": str(folder / "page-tokenizer.json"), "cases": cases}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_web_llm_feeds_the_tokens_of_apply_chat_template(case):
    name, folder, tokenizer, options, conversation = case
    systems = [None] if name in NO_SYSTEM else [None, SYSTEM]
    conversations = [(system, list(turns)) for system in systems for turns in PROBE_TURNS]
    found = run_web_llm(
        folder,
        [
            {"template": conversation.template, "system": system, "turns": turns, "cached": False}
            for system, turns in conversations
        ],
    )
    for (system, turns), result in zip(conversations, found, strict=True):
        prefix = conversation.template.get("system_prefix_token_ids", [])
        assert prefix + result["tokens"] == reference(tokenizer, options, system, turns)


def test_the_python_model_of_web_llm_agrees_with_web_llm(case):
    name, folder, tokenizer, _, conversation = case
    systems = [None] if name in NO_SYSTEM else [None, SYSTEM, "", "$& $$ $' $` $1"]
    conversations = [
        {"template": conversation.template, "system": system, "turns": list(turns), "cached": cached}
        for system in systems
        for turns in PROBE_TURNS
        for cached in ((False, True) if len(turns) > 1 else (False,))
    ]
    for asked, result in zip(conversations, run_web_llm(folder, conversations), strict=True):
        parts = prompt_parts(asked["template"], asked["system"], asked["turns"], cached=asked["cached"])
        assert parts == result["parts"]
        assert [token for part in parts for token in tokenizer.encode(part)] == result["tokens"]


def test_a_conversation_in_the_cache_is_exact_where_it_can_be(case):
    name, _, _, _, conversation = case
    assert conversation.reuse_is_exact == (name in CACHE_EXACT)
    assert any("KV cache" in note for note in conversation.notes) == (name not in CACHE_EXACT)


def test_messages_never_meet_javascript_replace(case):
    # role_templates would expand $& in what users write.
    _, _, _, _, conversation = case
    assert "user" not in conversation.template.get("role_templates", {})


def test_trimming_templates_are_told(tmp_path: Path):
    assert derive(llama3(tmp_path / "a"), [1]).trims_messages
    assert not derive(chatml(tmp_path / "b"), [2]).trims_messages


def test_llama_2_system_message_is_refused_with_the_difference(tmp_path: Path):
    # Its tokenizer puts a space before the question, which the template does not have there.
    with pytest.raises(TemplateError) as error:
        derive(sentencepiece(tmp_path, templates.LLAMA2), [2])
    assert "apply_chat_template gives" in str(error.value)
    assert "web-llm would feed" in str(error.value)
    assert "--no-system" in str(error.value)


def test_a_system_message_that_wanders_is_refused(tmp_path: Path):
    with pytest.raises(TemplateError, match=r"every message once and in order[\s\S]*--no-system"):
        derive(sentencepiece(tmp_path, templates.MISTRAL_SYSTEM_LAST), [2])


def test_a_template_that_changes_with_length_is_refused(tmp_path: Path):
    numbered = "{% for m in messages %}{{ loop.index }} {{ m.content }}\n{% endfor %}{{ messages | length }}:"
    with pytest.raises(TemplateError, match="as the conversation grows"):
        derive(chatml(tmp_path, numbered), [2])


def test_a_template_that_drops_history_is_refused(tmp_path: Path):
    with pytest.raises(TemplateError, match="every message once and in order"):
        derive(chatml(tmp_path, "{{ messages[-1].content }}<|im_end|>"), [2])


def test_a_broken_template_is_refused(tmp_path: Path):
    with pytest.raises(TemplateError, match="cannot be rendered"):
        derive(chatml(tmp_path, "{% for m in messages %}{{ m.content }}"), [2])


def test_a_missing_template_is_named(tmp_path: Path):
    tokenizer = byte_level(tmp_path, None, CHATML_TOKENS, bos=None, eos="<|im_end|>")
    with pytest.raises(InputError, match=r"no chat template.*--chat-template"):
        derive(tokenizer, [2])
    assert derive(tokenizer, [2], TemplateOptions(source=templates.CHATML)).template["stop_token_ids"] == [2]


def test_a_template_that_writes_the_date_needs_one(tmp_path: Path):
    with pytest.raises(InputError, match="--template-date"):
        derive(llama3(tmp_path, templates.LLAMA32), [1])


def test_a_system_prompt_needs_a_place(tmp_path: Path):
    with pytest.raises(TemplateError, match=r"--system-prompt.*no system message"):
        derive(sentencepiece(tmp_path, templates.MISTRAL), [2], TemplateOptions(system_prompt="x"))


@pytest.fixture(scope="module")
def chatml_conversation(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelTokenizer, Conversation]:
    tokenizer = chatml(tmp_path_factory.mktemp("chatml"), templates.CHATML_DEFAULT_SYSTEM)
    return tokenizer, derive(tokenizer, [2])


MESSAGE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip).filter(bool)


@given(turns=st.lists(MESSAGE, min_size=1, max_size=5).filter(lambda turns: len(turns) % 2 == 1))
def test_any_conversation_gives_the_tokens_of_apply_chat_template(chatml_conversation, turns: list[str]):
    tokenizer, conversation = chatml_conversation
    tokens = [t for part in prompt_parts(conversation.template, None, turns) for t in tokenizer.encode(part)]
    assert tokens == reference(tokenizer, TemplateOptions(), None, turns)


@pytest.mark.parametrize(
    ("replacement", "expected"),
    [("$$", "a$b"), ("$&", "a{x}b"), ("$`", "aab"), ("$'", "abb"), ("$1", "a$1b"), ("$", "a$b"), ("$$&", "a$&b")],
)
def test_js_replace(replacement: str, expected: str):
    assert js_replace("a{x}b", "{x}", replacement) == expected


def test_js_replace_replaces_the_first_match_only():
    assert js_replace("{x}{x}", "{x}", "y") == "y{x}"
    assert js_replace("a", "{x}", "y") == "a"


HOSTILE = {
    "more memory than there is": ("{{ 'a' * 100000000000 }}", "needs more than 512 MiB of memory"),
    "memory by doubling": (
        "{% set n = namespace(t='aaaaaaaa') %}{% for i in range(60) %}{% set n.t = n.t + n.t %}{% endfor %}{{ n.t }}",
        "needs more than 512 MiB of memory",
    ),
    "a range too large": ("{% for i in range(1000000000) %}x{% endfor %}", "OverflowError: Range too big"),
    "loops in loops": (
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "takes more than 1 s",
    ),
    "a power tower": ("{{ (9 ** (9 ** 9)) % 7 }}", "takes more than 1 s"),
    "endless recursion": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls itself without end"),
    "endless output": ("{% for a in range(9999) %}{{ 'a' * 999 }}{% endfor %}", "writes more than 1048576 characters"),
    "a division by zero": ("{{ 1 / 0 }}", "ZeroDivisionError"),
    "text plus number": ("{{ 'a' + 1 }}", "TypeError"),
    "the machine": ("{{ messages.__class__.__mro__[1].__subclasses__() }}", "SecurityError"),
    "no template": ("{% for %}", "TemplateSyntaxError"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_templates_are_refused_within_bounds(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source, message = HOSTILE[name]
    if "more than 1 s" in message:
        monkeypatch.setattr(sandbox, "CPU_SECONDS", 1)
    tokenizer = chatml(tmp_path)
    with pytest.raises(TemplateError, match=re.escape(message)) as error:
        derive(tokenizer, [2], TemplateOptions(source=source + templates.CHATML))
    assert "--chat-template FILE" in str(error.value)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("template", [templates.CHATML, templates.LLAMA3, templates.ZEPHYR])
def test_the_tokens_that_are_compared_are_those_of_apply_chat_template(template: str, tmp_path: Path):
    tokenizer = byte_level(tmp_path, template, CHATML_TOKENS, bos="<|endoftext|>", eos="<|im_end|>")
    messages = [{"role": "system", "content": "x"}, {"role": "user", "content": "<|im_end|> 麻醉 😀"}]
    expected = tokenizer.reference.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=False, sanitize_control_tokens=False
    )
    options = TemplateOptions()
    with sandbox.bounded(tokenizer.reference.apply_chat_template) as apply:
        renderer = chat_template._Renderer(tokenizer, options, template, apply)
        assert renderer.tokens("x", [messages[1]["content"]]) == list(expected)


def test_no_child_outlives_its_block_and_a_dead_one_is_told():
    with sandbox.bounded(lambda: str(os.getpid())) as call:
        child = int(call())
        assert child != os.getpid()
        os.kill(child, signal.SIGKILL)
        with pytest.raises(sandbox.LimitError, match="ended the process that ran it"):
            call()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
