"""Self-Instruct: seeds, filters, and rounds against a real HTTP server."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import scripted
from hypothesis import given
from hypothesis import strategies as st
from openai_server import FAULTS, OpenAIServer
from rouge_score.rouge_scorer import RougeScorer

from hypnos_convert.config import SEEDS, RunConfig
from hypnos_convert.endpoint import Ledger
from hypnos_convert.errors import InputError
from hypnos_convert.generate import prompts
from hypnos_convert.generate.filters import Novelty, TextFilter, personal_data
from hypnos_convert.generate.stage import Generated, generate
from hypnos_convert.generate.tasks import read_tasks
from hypnos_convert.progress import Progress
from hypnos_convert.taxonomy import CATEGORIES, FORMS

QUIET = Progress(quiet=True)


def test_seed_tasks_cover_the_taxonomy_and_pass_the_filters() -> None:
    seeds = read_tasks(SEEDS)
    assert len(seeds) >= 175
    assert set(Counter(task.category for task in seeds)) == set(CATEGORIES)
    assert min(Counter(task.category for task in seeds).values()) >= 5
    assert set(Counter(task.form for task in seeds)) == set(FORMS)
    accept, novelty = TextFilter(0.5), Novelty(0.7)
    for task in seeds:
        assert accept.reason(task.instruction, (6, 400)) is None, task.id
        assert accept.reason(task.output, (10, 2000)) is None, task.id
        assert novelty.nearest(task.instruction) == (0.0, ""), task.id
        novelty.add(task.instruction)


@given(st.lists(st.text("麻醉药气道ab1，", min_size=1, max_size=12), min_size=1, max_size=8), st.floats(0.1, 1))
def test_novelty_finds_what_comparing_with_all_finds(texts: list[str], limit: float) -> None:
    class Characters:
        def tokenize(self, text: str) -> list[str]:
            return [character for character in text.lower() if character.isalnum()]

    scorer = RougeScorer(["rougeL"], tokenizer=Characters())
    *earlier, new = texts
    novelty = Novelty(limit)
    for text in earlier:
        novelty.add(text)
    highest = max((scorer.score(text, new)["rougeL"].fmeasure for text in earlier), default=0.0)
    assert novelty.nearest(new)[0] == (highest if highest >= limit and highest > 0 else 0.0)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("身份证 11010519491231002X", "identity number"),
        ("编号 110105194912310021 的标本", None),  # Its check digit is wrong.
        ("电话 138-1234-5678", "mobile number"),
        ("请致电 010-12345678", "landline number"),
        ("住院号：0045871", "record number"),
        ("患者姓名：张三", "name"),
        ("发到 a.b@example.org", "e-mail address"),
        ("丙泊酚 150 mg，罗库溴铵 50 mg，心率 110 次/min", None),
    ],
)
def test_personal_data(text: str, kind: str | None) -> None:
    assert personal_data(text) == kind


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("短", "short"),
        ("长" * 401, "long"),
        ("What is the minimum alveolar concentration?", "language"),
        ("作为一个人工智能语言模型，我不能回答。", "forbidden"),
        ("请参考上述示例再写一题。", "forbidden"),
        ("本院暗号一二三四五六。", "forbidden"),
        ("MAC 是什么意思？请解释其含义。", None),
    ],
)
def test_text_filter(text: str, reason: str | None) -> None:
    found = TextFilter(0.5, ["本院暗号"]).reason(text, (6, 400))
    assert found is None if reason is None else found.startswith(reason)


def test_replies_are_read_out_of_whatever_stands_around_them() -> None:
    assert prompts.parse_instructions(
        '<think>{"a": 1}</think>好：```json\n{"instructions": ["1. 甲？", "乙？"]}\n```'
    ) == [
        "甲？",
        "乙？",
    ]
    for wrong in ('{"instructions": ["甲', '{"instructions": []}', '{"tasks": ["甲"]}', '{"instructions": [1]}', ""):
        with pytest.raises(ValueError, match=r"instructions|JSON"):
            prompts.parse_instructions(wrong)


def configuration(server: OpenAIServer, **changes: Any) -> RunConfig:
    def endpoint(name: str) -> dict[str, Any]:
        return {"name": name, "base_url": server.url, "model": name, "timeout_seconds": 3, "backoff_seconds": 0.01}

    return RunConfig.model_validate(
        {
            "name": "test",
            "endpoints": [endpoint("red"), endpoint("blue")],
            "generate": {"writers": ["red", "blue"], "records": 20, "requests_per_round": 4, **changes},
        }
    )


def make(config: RunConfig, ledger: Path) -> Generated:
    with Ledger(ledger) as opened:
        return asyncio.run(generate(config, read_tasks(SEEDS), opened, QUIET))


def test_faults_change_nothing_and_a_second_run_costs_nothing(tmp_path: Path) -> None:
    with OpenAIServer(scripted.answer) as server:
        clean = make(configuration(server), tmp_path / "clean.jsonl")
    with OpenAIServer(scripted.answer, faults=FAULTS * 2) as server:
        faulty = make(configuration(server), tmp_path / "faulty.jsonl")
        assert not server.faults
        assert len(server.paid) == len(set(server.paid))
        again = make(configuration(server), tmp_path / "faulty.jsonl")
        assert len(server.paid) == len(set(server.paid))
    assert len(clean.records) == 20
    assert [r.id for r in clean.records] == [r.id for r in faulty.records] == [r.id for r in again.records]
    assert clean.rejected == faulty.rejected == again.rejected
    assert {r.output_by.endpoint for r in clean.records} == {"red", "blue"}
    assert len({r.id for r in clean.records}) == 20
    assert {r["reason"].split(":")[0] for r in clean.rejected} == {"not new"}
    shown = {task.id for task in read_tasks(SEEDS)}
    late = [r for r in clean.records if r.round > 1]
    assert late and any(set(r.examples) - shown for r in late), "later rounds show generated tasks too"
    with Ledger(tmp_path / "faulty.jsonl") as ledger:
        keys = {r.output_by.key for r in faulty.records}
        assert all(ledger.find(key) for key in keys)


def test_malformed_replies_are_on_file_and_cost_only_their_own_record(tmp_path: Path) -> None:
    def careless(request: dict[str, Any]) -> str:
        text = scripted.answer(request)
        return (
            text[: len(text) // 2]
            if '"input"' in request["messages"][1]["content"] and "高龄" in str(request)
            else text
        )

    with OpenAIServer(careless) as server:
        made = make(configuration(server, tries=2), tmp_path / "ledger.jsonl")
    assert len(made.records) == 20
    assert not any("高龄" in record.instruction for record in made.records)
    assert any(entry["reason"].startswith("malformed") for entry in made.rejected)


def test_a_writer_that_says_nothing_usable_is_an_error(tmp_path: Path) -> None:
    with (
        OpenAIServer(lambda request: "嗯。") as server,
        pytest.raises(InputError, match=r"2 rounds gave no record.*malformed"),
    ):
        make(configuration(server, most_rounds=2), tmp_path / "ledger.jsonl")


def test_a_bad_seed_file_names_record_and_field(tmp_path: Path) -> None:
    path = tmp_path / "seeds.jsonl"
    seed = json.loads(SEEDS.read_text(encoding="utf-8").splitlines()[0])
    path.write_text(json.dumps(seed) + "\n" + json.dumps({**seed, "id": "seed-b", "form": "poem"}) + "\n")
    with pytest.raises(InputError, match=r"seeds.jsonl: record 2: form: .*unknown form 'poem'"):
        read_tasks(path)
