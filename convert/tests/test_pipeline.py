"""A whole run, offline: real servers, injected faults, SIGKILL within every stage.

Free text is written by ``transformers serve`` with a tiny random model, behind a server that injects faults. Structured
replies (lists of instructions, scores) cannot come from a random model: those are scripted (`scripted`), by the same
real HTTP server. Everything runs as its user runs it: ``python -m hypnos_convert run``, in a process of its own.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import scripted
import yaml
from openai_server import FAULTS, OpenAIServer
from safetensors.torch import load_file
from tiny import tiny_checkpoint

from hypnos_convert.__main__ import main
from hypnos_convert.package import NOTICE_EN
from hypnos_convert.runs import STAGES, damage, read_manifest

CONVERT = Path(__file__).parents[1]
DEADLINE = 300
"""Seconds that a loaded machine may take for one step."""
CONCURRENCY = 2
RECORDS = 16
SHAPE = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 64}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint(tmp_path_factory.mktemp("model") / "tiny-base", "qwen2", **SHAPE)


@pytest.fixture(scope="module")
def talker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model that writes nonsense; with tied embeddings it would repeat the newline that ends its prompt."""
    folder = tmp_path_factory.mktemp("model") / "talker"
    return tiny_checkpoint(folder, "qwen2", tie_word_embeddings=False, **SHAPE)


@pytest.fixture(scope="module")
def served(talker: Path) -> Iterator[str]:
    """The address of ``transformers serve`` with the random model."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).parent / "transformers"), "serve", str(talker)]
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: healthy(port) or process.poll() is not None)
        assert process.poll() is None, "transformers serve ended"
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.005)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait for the condition, or for the process's end, which the caller will notice."""
    wait_for(lambda: condition() or process.poll() is not None)


def write_records(path: Path, kind: str) -> Path:
    records = [
        {"id": f"{kind}-{number}", "instruction": f"{kind} 问题 {number}？", "output": f"{kind} 第 {number} 个答案。"}
        for number in range(24)
    ]
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
    return path


def recipe(folder: Path, base: Path, writers: str, raters: str, timeout: int = 10) -> Path:
    """A recipe for a whole run; addresses of the servers, and the seconds that the raters' may take to answer."""

    def endpoint(name: str, url: str, timeout: int) -> dict[str, Any]:
        return {
            "name": name, "base_url": url, "model": name, "concurrency": CONCURRENCY, "timeout_seconds": timeout,
            "backoff_seconds": 0.05, "price_per_million_prompt_tokens": 1,
        }  # fmt: skip

    def phase(name: str, data: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "name": name, "data": data, "epochs": 1, "batch": 4, "accumulate": 1, "learning_rate": 1e-3,
            "heldout_share": 0.25, "evaluate_every": 2, "lora": {"rank": 4, "alpha": 8, "dropout": 0.1},
        }  # fmt: skip

    folder.mkdir(exist_ok=True)
    write_records(folder / "general.jsonl", "gen")
    (folder / "benchmark").mkdir(exist_ok=True)
    item = {"id": "b-1", "question": "成人择期手术麻醉前禁食的要求是什么？"}
    (folder / "benchmark" / "items.jsonl").write_text(json.dumps(item, ensure_ascii=False) + "\n")
    content = {
        "name": "whole",
        "endpoints": [
            *(endpoint(name, writers, 120) for name in ("red", "blue")),
            *(endpoint(name, raters, timeout) for name in ("green", "amber")),
        ],
        "generate": {
            "writers": ["red", "blue"], "records": RECORDS, "requests_per_round": 4,
            "instructions_per_request": 3, "parameters": {"max_tokens": 24},
            # The random model's text is not Chinese.
            "han_share": 0, "answer_characters": [1, 2000],
        },
        "filter": {"raters": ["green", "amber"], "raters_per_record": 2, "benchmark": "benchmark"},
        "train": {
            "base": str(base), "length": 256, "precision": "fp32",
            "phases": [
                phase("general", [{"path": "general.jsonl"}]),
                phase("anaesthesia", [{"from_filter": True}, {"path": "general.jsonl", "weight": 0.5}]),
            ],
        },
        "merge": {"dtype": "float32"},
        "evaluate": {"records": 6, "new_tokens": 16},
        "package": {
            "id": "tiny", "title_zh": "小", "title_en": "Tiny", "notice_zh": "只为测试。", "licence": "Apache-2.0",
            "targets": ["software"],
            "context_window": 256, "system_prompt": "你是麻醉学助手。",
        },
    }  # fmt: skip
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True))
    return path


def start(path: Path, folder: Path) -> subprocess.Popen[bytes]:
    log = open(folder.with_suffix(".log"), "ab")  # noqa: SIM115 - the process writes it
    return subprocess.Popen(
        [sys.executable, "-m", "hypnos_convert", "run", str(path), "--folder", str(folder)],
        cwd=CONVERT, stdout=log, stderr=log,
    )  # fmt: skip


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the run alone; processes that it started have to end by themselves."""
    children = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not psutil.wait_procs(children, timeout=DEADLINE)[1], "a training process outlived its run"


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def replies(folder: Path) -> int:
    path = folder / "ledger.jsonl"
    return path.read_bytes().count(b'"event": "reply"') if path.exists() else 0


def test_a_whole_run_survives_faults_and_a_kill_in_every_stage(
    base: Path, talker: Path, served: str, tmp_path: Path
) -> None:
    def answer(request: dict[str, Any]) -> str | None:
        # The client asks in a seed's words for free text; only the other two kinds name JSON keys.
        text = request["messages"][-1]["content"]
        return scripted.answer(request) if "JSON" in text else None

    folder = tmp_path / "run"
    passing = [
        fault for fault in FAULTS if fault != "timeout"
    ] * 2  # A real server needs more time than is fun to lose.
    with (
        OpenAIServer(answer, faults=passing, upstream=served, upstream_model=str(talker)) as server,
        OpenAIServer(scripted.answer, faults=FAULTS * 2) as rating,
    ):
        path = recipe(tmp_path / "recipe", base, server.url, rating.url, timeout=5)
        within: dict[str, Callable[[], bool]] = {
            "generate": lambda: replies(folder) >= 10,
            "filter": lambda: replies(folder) >= generated + 8,
            "train": lambda: any(folder.glob(".train.partial/2-*/checkpoints/*/trainer_state.json")),
            "merge": lambda: (folder / ".merge.partial").exists(),
            "evaluate": lambda: (folder / ".evaluate.partial").exists(),
            "package": lambda: any(folder.glob(".package.partial/.tiny.partial/*")),
        }
        generated = 10**9
        for stage in STAGES:
            process = start(path, folder)
            if stage == "filter":
                wait_until((folder / "generate").exists, process)
                generated = sum(e["requests"] for e in manifest(folder, "generate")["counts"]["endpoints"].values())
            wait_until(within[stage], process)
            assert process.poll() is None, folder.with_suffix(".log").read_text()
            kill(process)
            assert not (folder / stage).exists(), f"the kill came too late for {stage}"
        assert start(path, folder).wait(DEADLINE) == 0, folder.with_suffix(".log").read_text()
        assert not server.faults and not rating.faults, "every fault was met"

        # Nothing paid twice, but for what was under way when a kill came.
        paid = Counter(server.paid + rating.paid)
        # Two stages asked, each of them two endpoints, and each was killed once.
        assert sum(paid.values()) - len(paid) <= 2 * 2 * CONCURRENCY
        entries = [entry for entry in lines(folder / "ledger.jsonl") if entry["event"] == "reply"]
        keys = [entry["reply"]["key"] for entry in entries]
        assert len(keys) == len(set(keys)) == len(paid)
        answered = len(server.paid) + len(rating.paid)
        assert main(["run", str(path), "--folder", str(folder), "--quiet"]) == 0
        assert len(server.paid) + len(rating.paid) == answered, "a finished run asks nobody"

    # Nothing lost, nothing twice.
    records = [record["id"] for record in lines(folder / "generate" / "records.jsonl")]
    assert len(records) == len(set(records)) == RECORDS
    sorted_out = [
        record["id"]
        for outcome in ("kept", "dropped", "undecided")
        for record in lines(folder / "filter" / f"{outcome}.jsonl")
    ]
    assert sorted(sorted_out) == sorted(records)
    for stage in STAGES:
        found = manifest(folder, stage)
        assert damage(folder / stage, found) is None
        assert len(found["attempts"]) >= 2, f"{stage} was killed once and resumed"
        assert not (folder / f".{stage}.partial").exists()
    trained = lines(folder / "train" / "2-anaesthesia" / "train.jsonl")
    assert {row["id"] for row in trained} & set(records), "what was kept is trained on"
    curve = json.loads((folder / "train" / "2-anaesthesia" / "trained" / "curve.json").read_text())
    assert [step for step, _ in curve["train"]] == list(range(1, curve["steps"] + 1))
    assert load_file(folder / "merge" / "model" / "model.safetensors")
    scores = manifest(folder, "evaluate")["counts"]
    low, high = scores["intervals"]["heldout_loss"]
    assert scores["questions"] == 6 and 0 < low <= scores["heldout_loss"] <= high
    assert main(["ablations", str(folder), str(folder)]) == 0
    sealed = json.loads((folder / "package" / "tiny" / "hypnos-package.json").read_text(encoding="utf-8"))
    assert sealed["clinical"]["notice"] == {"zh": "只为测试。", "en": NOTICE_EN}
    assert main(["verify", str(folder / "package" / "tiny")]) == 0


def manifest(folder: Path, stage: str) -> dict[str, Any]:
    found = read_manifest(folder / stage)
    assert found is not None, folder.with_suffix(".log").read_text()
    return found


def scripted_run(tmp_path: Path, base: Path, server: OpenAIServer) -> tuple[Path, Path]:
    return recipe(tmp_path / "recipe", base, server.url, server.url), tmp_path / "run"


def call(path: Path, folder: Path, command: str = "run", *more: str) -> int:
    return main([command, str(path), "--folder", str(folder), "--quiet", *more])


def test_changed_settings_make_later_stages_anew_and_keep_the_earlier_results(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with OpenAIServer(scripted.answer) as server:
        path, folder = scripted_run(tmp_path, base, server)
        assert call(path, folder, "run", "--until", "filter") == 0
        paid = len(server.paid)
        content = yaml.safe_load(path.read_text())
        content["filter"]["thresholds"] = {"mean": 8}
        for endpoint in content["endpoints"]:
            endpoint["concurrency"] = 7  # Decides nothing.
        path.write_text(yaml.safe_dump(content, allow_unicode=True))
        assert call(path, folder, "run", "--until", "filter") == 0
        assert len(server.paid) == paid, "other thresholds cost nothing"
    assert (folder / "filter.previous-1" / "kept.jsonl").exists()
    assert not (folder / "generate.previous-1").exists()
    (folder / "generate" / "records.jsonl").write_text("")
    capsys.readouterr()
    assert main(["inspect", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "generate: damaged: records.jsonl was changed" in told
    assert "filter: finished" in told and "earlier result: filter.previous-1" in told and "endpoint red:" in told


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], None], int, str]] = {
    "unknown field": (lambda c: c["generate"].update(writer="x"), 3, "recipe.yaml: generate.writer: Extra inputs"),
    "score out of range": (
        lambda c: c["filter"].update(thresholds={"mean": 11}),
        3,
        "recipe.yaml: filter.thresholds.mean: Input should be less than or equal to 10",
    ),
    "unknown endpoint": (lambda c: c["generate"].update(writers=["x"]), 3, "generate.writers: no endpoint is called"),
    "nobody else rates": (lambda c: c["filter"].update(raters=["red", "green"]), 3, "filter.raters: what red writes"),
    "unreachable": (
        lambda c: [e.update(base_url="http://127.0.0.1:9/v1", attempts=2) for e in c["endpoints"]],
        6,
        "no reply after 2 attempts, the last fault: cannot be reached",
    ),
    "wrong key": (lambda c: c["endpoints"][0].update(api_key_env="HYPNOS_WRONG"), 6, "HTTP 401"),
    "no key": (lambda c: c["endpoints"][0].update(api_key_env="HYPNOS_NONE"), 6, "HYPNOS_NONE holds no API key"),
    "bad seeds": (lambda c: c["generate"].update(seeds="general.jsonl"), 3, "general.jsonl: record 1: "),
    "no seeds": (lambda c: c["generate"].update(seeds="nowhere.jsonl"), 3, "nowhere.jsonl does not exist"),
    "nothing kept": (
        lambda c: c["filter"].update(thresholds={"mean": 10}),
        3,
        f"none of {RECORDS} records is kept",
    ),
    "no benchmark": (lambda c: c["filter"].update(benchmark="nowhere"), 3, "nowhere does not exist"),
    "no base": (lambda c: c["train"].update(base="nowhere"), 3, "no config.json"),
    "bad data": (lambda c: c["train"]["phases"][0].update(data=[{"path": "torn.jsonl"}]), 3, "torn.jsonl:2: not JSON"),
    "empty data": (lambda c: c["train"]["phases"][0].update(data=[{"path": "empty.jsonl"}]), 3, "no records"),
    "too short a length": (lambda c: c["train"].update(length=16), 3, "exceed 16 tokens"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_bad_input_gets_one_line_and_keeps_finished_work(
    base: Path, tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, code, message = BROKEN[case]
    monkeypatch.setenv("HYPNOS_WRONG", "wrong")
    with OpenAIServer(scripted.answer, key="none") as server:
        path, folder = scripted_run(tmp_path, base, server)
        (path.parent / "torn.jsonl").write_text('{"instruction": "问", "output": "答"}\n{"instr')
        (path.parent / "empty.jsonl").write_text("")
        content = yaml.safe_load(path.read_text())
        spoil(content)
        path.write_text(yaml.safe_dump(content, allow_unicode=True))
        assert call(path, folder) == code
    error = capsys.readouterr().err
    assert message in error and error.startswith("error: ") and error.count("\n") == 1
    finished = [stage for stage in STAGES if (folder / stage).exists()]
    expected = {"nothing kept": 1, "no benchmark": 1, "no base": 2, "bad data": 2, "empty data": 2}
    assert len(finished) == {**expected, "too short a length": 2}.get(case, 0)


def test_a_stage_alone_asks_for_the_one_before(base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with OpenAIServer(scripted.answer) as server:
        path, folder = scripted_run(tmp_path, base, server)
        assert call(path, folder, "filter") == 3
        assert "stage generate is not finished; run it first" in capsys.readouterr().err
        assert call(path, folder, "generate") == call(path, folder, "filter") == 0
        assert call(path, folder, "merge") == 3
        assert "stage train is not finished" in capsys.readouterr().err


def test_contamination_stops_before_anything_is_rated(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with OpenAIServer(scripted.answer) as server:
        path, folder = scripted_run(tmp_path, base, server)
        assert call(path, folder, "generate") == 0
        leaked = lines(folder / "generate" / "records.jsonl")[3]
        item = {"id": "b-2", "question": leaked["instruction"]}
        (path.parent / "benchmark" / "items.jsonl").write_text(json.dumps(item, ensure_ascii=False) + "\n")
        paid = len(server.paid)
        assert call(path, folder, "filter") == 3
        assert len(server.paid) == paid
        error = capsys.readouterr().err
        assert "resemble benchmark items" in error and "filter.exclude" in error
        found = lines(folder / ".filter.partial" / "contaminated.jsonl")
        assert leaked["id"] in {entry["id"] for entry in found}
        content = yaml.safe_load(path.read_text())
        content["filter"]["exclude"] = [entry["id"] for entry in found]
        path.write_text(yaml.safe_dump(content, allow_unicode=True))
        assert call(path, folder, "filter") == 0
    assert leaked["id"] in {record["id"] for record in lines(folder / "filter" / "dropped.jsonl")}


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, 15_000))
from hypnos_convert.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_full_disk_keeps_what_was_paid(base: Path, tmp_path: Path) -> None:
    with OpenAIServer(scripted.answer) as server:
        path, folder = scripted_run(tmp_path, base, server)
        command = [sys.executable, "-c", FULL, "generate", str(path), "--folder", str(folder), "--quiet"]
        done = subprocess.run(command, cwd=CONVERT, capture_output=True, text=True, timeout=DEADLINE)
        assert done.returncode == 4, done.stderr
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
        assert "finished work is kept" in done.stderr
        assert 0 < replies(folder) < 200
        assert call(path, folder, "generate") == 0
        paid = Counter(server.paid)
        assert sum(paid.values()) - len(paid) <= 2 * CONCURRENCY
