"""The client of OpenAI-compatible endpoints against a real HTTP server: faults, kills, limits and accounts."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from openai_server import FAULTS, OpenAIServer

from hypnos_convert.endpoint import BudgetError, Client, EndpointError, EndpointSettings, Ledger, MalformedReply
from hypnos_convert.errors import InputError, OutputError

PIPELINE = Path(__file__).parents[1]


def echo(request: dict[str, Any]) -> str:
    return "答：" + request["messages"][-1]["content"]


def settings(server: OpenAIServer, **changes: Any) -> EndpointSettings:
    defaults = {
        "name": "local", "base_url": server.url, "model": "tiny", "concurrency": 4, "timeout_seconds": 3.0,
        "backoff_seconds": 0.01, "price_per_million_prompt_tokens": 1.0, "price_per_million_completion_tokens": 2.0,
    }  # fmt: skip
    return EndpointSettings(**{**defaults, **changes})


def ask_all(server: OpenAIServer, path: Path, questions: list[str], **changes: Any) -> list[str]:
    async def run() -> list[str]:
        with Ledger(path) as ledger:
            async with Client(settings(server, **changes), ledger) as client:
                replies = await asyncio.gather(
                    *(client.complete([{"role": "user", "content": question}]) for question in questions)
                )
                return [reply.text for reply in replies]

    return asyncio.run(run())


QUESTIONS = [f"问题 {number}" for number in range(12)]


def test_every_fault_passes_and_nothing_is_paid_twice(tmp_path: Path) -> None:
    with OpenAIServer(echo, faults=FAULTS) as server:
        assert ask_all(server, tmp_path / "ledger.jsonl", QUESTIONS) == [f"答：{q}" for q in QUESTIONS]
        assert sorted(server.injected) == sorted(FAULTS)
        assert len(server.paid) == len(set(server.paid)) == len(QUESTIONS)
        assert server.most_at_once <= 4 + 1  # The handler of a request that timed out outlives it.
        # A second run is answered by the ledger alone.
        assert ask_all(server, tmp_path / "ledger.jsonl", QUESTIONS) == [f"答：{q}" for q in QUESTIONS]
        assert len(server.paid) == len(QUESTIONS)
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        usage = ledger.usage("local")
        assert (usage.requests, usage.faults) == (len(QUESTIONS), len(FAULTS))
        prompt, generated = sum(map(len, QUESTIONS)), sum(len(q) + 2 for q in QUESTIONS)
        assert (usage.prompt_tokens, usage.completion_tokens) == (prompt, generated)
        assert usage.cost == pytest.approx((prompt + 2 * generated) / 1e6)


def test_equal_requests_are_sent_once_and_draws_apart(tmp_path: Path) -> None:
    async def run(server: OpenAIServer) -> None:
        with Ledger(tmp_path / "ledger.jsonl") as ledger:
            async with Client(settings(server), ledger) as client:
                message = [{"role": "user", "content": "同一个问题"}]
                await asyncio.gather(*(client.complete(message) for _ in range(5)))
                await client.complete(message, draw=1)

    with OpenAIServer(echo) as server:
        asyncio.run(run(server))
        assert len(server.paid) == 2


KILLED = """
import asyncio, sys
from hypnos_convert.endpoint import Client, EndpointSettings, Ledger
async def run(path, url):
    with Ledger(path) as ledger:
        async with Client(EndpointSettings(name="local", base_url=url, model="tiny", concurrency=2), ledger) as client:
            await asyncio.gather(*(client.complete([{"role": "user", "content": f"问题 {n}"}]) for n in range(12)))
asyncio.run(run(*sys.argv[1:]))
"""


def test_killed_run_goes_on_from_a_torn_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with OpenAIServer(echo) as server:
        server.delay = 0.2
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(path), server.url], cwd=PIPELINE)
        deadline = time.monotonic() + 60
        while not (path.exists() and path.read_bytes().count(b"\n") >= 4):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with open(path, "ab") as file:
            file.write(b'{"event": "reply", "endpoint": "lo')  # A write that the kill tore.
        server.delay = 0.0
        with Ledger(path) as ledger:
            assert 4 <= ledger.usage().requests < 12
        # Same name, model and request, so the same keys.
        ask_all(server, path, QUESTIONS)
        time.sleep(0.3)
        assert len(set(server.paid)) == 12
        assert len(server.paid) <= 12 + 2  # Only what was under way when the kill came was paid again.
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    keys = [line["reply"]["key"] for line in lines if line["event"] == "reply"]
    assert len(keys) == len(set(keys)) == 12


def test_malformed_replies_are_asked_again_with_the_reason(tmp_path: Path) -> None:
    def answer(request: dict[str, Any]) -> str:
        return '{"score": 7}' if len(request["messages"]) > 1 else "七分"

    async def run(server: OpenAIServer, tries: int) -> Any:
        with Ledger(tmp_path / "ledger.jsonl") as ledger:
            async with Client(settings(server), ledger) as client:
                message = [{"role": "user", "content": "打分"}]
                return (await client.ask(message, lambda text: json.loads(text)["score"], tries=tries))[0]

    with OpenAIServer(answer) as server:
        with pytest.raises(MalformedReply, match="1 malformed"):
            asyncio.run(run(server, 1))
        assert asyncio.run(run(server, 2)) == 7
        assert len(server.paid) == 2  # The first reply came from the ledger the second time.


def test_what_no_retry_can_mend_stops_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer(echo, key="right") as server:
        with pytest.raises(EndpointError, match="HYPNOS_TEST_KEY holds no API key"):
            ask_all(server, tmp_path / "a.jsonl", ["x"], api_key_env="HYPNOS_TEST_KEY")
        monkeypatch.setenv("HYPNOS_TEST_KEY", "wrong")
        with pytest.raises(EndpointError, match=r"HTTP 401.*check the key in HYPNOS_TEST_KEY"):
            ask_all(server, tmp_path / "b.jsonl", ["x"], api_key_env="HYPNOS_TEST_KEY")
        with Ledger(tmp_path / "b.jsonl") as ledger:
            assert ledger.usage().faults == 1
        monkeypatch.setenv("HYPNOS_TEST_KEY", "right")
        assert ask_all(server, tmp_path / "b.jsonl", ["x"], api_key_env="HYPNOS_TEST_KEY") == ["答：x"]
    with pytest.raises(EndpointError, match=r"no reply after 2 attempts.*cannot be reached"):
        ask_all(server, tmp_path / "c.jsonl", ["x"], attempts=2)


def test_the_budget_stops_the_run_and_keeps_what_was_paid(tmp_path: Path) -> None:
    with OpenAIServer(echo) as server:
        with pytest.raises(BudgetError, match="budget of 1e-06 is spent"):
            ask_all(server, tmp_path / "ledger.jsonl", QUESTIONS, budget=1e-6, concurrency=1)
        assert 1 <= len(server.paid) < len(QUESTIONS)
        ask_all(server, tmp_path / "ledger.jsonl", QUESTIONS)
        assert len(server.paid) == len(set(server.paid)) == len(QUESTIONS)


def test_a_ledger_has_one_writer_and_no_foreign_lines(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path), pytest.raises(OutputError, match="another run"), Ledger(path):
        pass
    path.write_text('{"event": "fault"}\nnonsense\n{"event": "fault"}\n')
    with pytest.raises(InputError, match=r"ledger.jsonl:2: not JSON"), Ledger(path):
        pass
    path.write_text('{"event": "fault"}\n{"event": "reply", "reply": {"text": "x"}}\n')
    with pytest.raises(InputError, match=r"ledger.jsonl: entry 2 is no reply"), Ledger(path):
        pass


def test_a_failing_run_still_writes_down_what_was_under_way(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with OpenAIServer(echo) as server:
        server.delay = 0.3

        async def run() -> None:
            with Ledger(path) as ledger:
                async with Client(settings(server), ledger) as client:
                    task = asyncio.ensure_future(client.complete([{"role": "user", "content": "慢"}]))
                    while not server.most_at_once:
                        await asyncio.sleep(0.01)
                    task.cancel()
                    raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            asyncio.run(run())
        assert len(server.paid) == 1
    with Ledger(path) as ledger:
        assert ledger.usage().requests == 1
