"""``evaluate`` and ``compare`` end to end: the best and the worst target, resuming, private items, all targets."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from benchmark_samples import answers_file, choice_question, open_question, right_answer, sample, write
from openai_server import OpenAIServer

from hypnos_convert.__main__ import main
from hypnos_convert.evaluate.targets import package
from hypnos_convert.manifest import check as check_manifest
from hypnos_convert.manifest import verify

DEMO = Path(__file__).parents[2] / "public/models/hypnos-demo"


def evaluate(tmp_path: Path, target: Path | str, items: Path, name: str, *more: str) -> dict:
    out = tmp_path / name
    command = ["evaluate", "--target", str(target), "--items", str(items), "--out", str(out), "--name", name]
    assert main([*command, "--answers-cache", str(tmp_path / "cache"), "--quiet", *more]) == 0
    return json.loads((out / "result.json").read_text("utf-8"))


def values(result: dict) -> dict[str, float]:
    return {f"{score['kind']}.{score['key']}": score["value"] for score in result["scores"]}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, dict]]:
    """Perfect, shuffled and always-A targets over 60 items of each kind."""
    folder = tmp_path_factory.mktemp("runs")
    items = sample(folder / "benchmark", 60)
    made = {
        "perfect": answers_file(folder / "p.jsonl", items, right_answer),
        "shuffled": answers_file(folder / "s.jsonl", items, right_answer, shuffled=True),
        "always-a": answers_file(folder / "a.jsonl", items, lambda item: "A"),
    }
    return folder, {name: evaluate(folder, path, items, name) for name, path in made.items()}


def test_perfect_answers_are_at_the_top_and_shuffled_ones_at_the_bottom(results) -> None:
    perfect, shuffled = values(results[1]["perfect"]), values(results[1]["shuffled"])
    for key in ("aneqa.key_point_recall", "aneqa.bleu_4", "aneqa.gleu", "aneqa.rouge_l_char", "aneqa.rouge_2_jieba"):
        assert perfect[key] == pytest.approx(100), key
        assert shuffled[key] < 90, key
    assert shuffled["aneqa.key_point_recall"] == 0
    for key in ("anecq.accuracy", "anerc.exact_match", "anerc.character_f1"):
        assert perfect[key] == pytest.approx(100), key
    assert shuffled["anerc.exact_match"] == 0
    assert shuffled["anecq.accuracy"] < perfect["anecq.chance"] + 15
    assert not results[1]["perfect"]["warnings"]


def test_always_a_is_shown_at_chance(results) -> None:
    scores = values(results[1]["always-a"])
    accuracy = next(score for score in results[1]["always-a"]["scores"] if score["key"] == "accuracy")
    assert accuracy["low"] <= scores["anecq.chance"] <= accuracy["high"]
    assert scores["anecq.favourite_letter"] == 100
    codes = {warning["code"] for warning in results[1]["always-a"]["warnings"]}
    assert {"at-chance", "letter-bias"} <= codes


def test_intervals_hold_the_value_and_every_score_is_signed(results) -> None:
    for result in results[1].values():
        for score in result["scores"]:
            assert score["low"] - 1e-6 <= score["value"] <= score["high"] + 1e-6, score
            assert score["signature"] and score["items"] > 0


def test_compare_finds_what_differs_and_nothing_else(results, capsys: pytest.CaptureFixture) -> None:
    folder, _ = results
    capsys.readouterr()
    assert main(["compare", str(folder / "perfect"), str(folder / "shuffled"), "--json", "--fail-on-regression"]) == 1
    found = json.loads(capsys.readouterr().out)
    by_key = {f"{c['kind']}.{c['key']}": c for c in found["comparisons"]}
    assert by_key["aneqa.bleu_4"]["regression"] and by_key["aneqa.bleu_4"]["test"] == "paired bootstrap"
    assert by_key["anecq.accuracy"]["regression"] and by_key["anecq.accuracy"]["test"] == "exact McNemar"
    assert not by_key["aneqa.length"]["regression"]
    assert found["changes"][0]["b"] < found["changes"][0]["a"]
    assert main(["compare", str(folder / "perfect"), str(folder / "perfect"), "--json", "--fail-on-regression"]) == 0
    same = json.loads(capsys.readouterr().out)
    assert not same["changes"] and all(c["p"] == 1 and c["difference"] == 0 for c in same["comparisons"])


def test_results_of_other_benchmarks_cannot_be_compared(results, tmp_path: Path, capsys) -> None:
    folder, _ = results
    other = sample(tmp_path / "other", 3, published=False)
    evaluate(tmp_path, answers_file(tmp_path / "p.jsonl", other, right_answer), other, "own")
    assert main(["compare", str(folder / "perfect"), str(tmp_path / "own")]) == 3
    assert "cannot be compared" in capsys.readouterr().err


def test_package_evaluation_fits_the_manifest(results) -> None:
    folder, _ = results
    manifest = json.loads((DEMO / "hypnos-package.json").read_text("utf-8"))
    manifest["evaluation"] = json.loads((folder / "perfect" / "package-evaluation.json").read_text("utf-8"))
    check_manifest(manifest)
    assert manifest["evaluation"]["benchmark"] == "测试"


def test_private_items_leave_ids_and_numbers_only(tmp_path: Path) -> None:
    items = sample(tmp_path / "own", 5, published=False)
    answers = answers_file(tmp_path / "answers.jsonl", items, right_answer)
    assert values(evaluate(tmp_path, answers, items, "run"))["aneqa.key_point_recall"] == 100
    everything = "".join(path.read_text("utf-8") for path in sorted((tmp_path / "run").iterdir()))
    for secret in ("静脉注射", "号病例", "说法", "去氧肾上腺素", "监测第"):
        assert secret not in everything
    assert '"qa-0000"' in everything


def test_a_checkout_without_its_node_modules_is_told_in_one_line(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(package, "SOURCES", tmp_path / "src")
    items = write(tmp_path / "own", anecq=[choice_question(0)])
    command = ["evaluate", "--target", str(DEMO), "--items", str(items), "--out", str(tmp_path / "out"), "--quiet"]
    assert main(command) == 3
    (told,) = capsys.readouterr().err.strip().splitlines()
    assert "playwright-core" in told and f"run npm ci in {tmp_path}" in told


def test_malformed_items_are_named_and_the_rest_is_scored(tmp_path: Path, capsys) -> None:
    lines = [open_question(0), "{", {**open_question(1), "key_points": []}, open_question(2)]
    items = write(tmp_path / "own", aneqa=lines)
    answers = write(tmp_path, answers=[{"id": "qa-0000", "text": "略"}]) / "answers.jsonl"
    result = evaluate(tmp_path, answers, items, "run")
    said = capsys.readouterr().err
    assert "aneqa.jsonl:2: line: no JSON" in said and "aneqa.jsonl:3: key_points:" in said
    assert result["items"] == {"aneqa": 2} and result["benchmark"]["left_out"] == 2


def test_a_result_is_never_overwritten_and_has_a_place_of_its_own(tmp_path: Path, monkeypatch, capsys) -> None:
    items = sample(tmp_path / "b", 2)
    answers = answers_file(tmp_path / "my model.jsonl", items, right_answer)
    monkeypatch.chdir(tmp_path)
    command = ["evaluate", "--target", str(answers), "--items", str(items), "--answers-cache", "c", "--quiet"]
    assert main(command) == 0
    before = (tmp_path / "runs" / "my-model" / "result.json").read_bytes()
    assert main(command) == 4
    assert "my-model" in capsys.readouterr().err
    assert (tmp_path / "runs" / "my-model" / "result.json").read_bytes() == before


def test_a_malformed_answers_file_is_named_by_line_and_field(tmp_path: Path, capsys) -> None:
    items = sample(tmp_path / "b", 2)
    (tmp_path / "answers.jsonl").write_text('{"id": "qa-0000", "text": "x"}\n{"id": "qa-0001"}\n')
    out = str(tmp_path / "run")
    command = ["evaluate", "--target", str(tmp_path / "answers.jsonl"), "--items", str(items), "--out", out]
    assert main([*command, "--answers-cache", str(tmp_path / "c")]) == 3
    assert "answers.jsonl:2: text" in capsys.readouterr().err


# --- endpoints --------------------------------------------------------------------------------------------------------


def endpoint(url: str) -> tuple[str, ...]:
    return url, "--model", "test-model", "--concurrency", "2"


def test_an_endpoint_is_asked_once_even_if_faults_happen(tmp_path: Path) -> None:
    items = sample(tmp_path / "b", 4)
    with OpenAIServer(lambda request: "答案：A", faults=["429", "500", "hangup"]) as server:
        url, *more = endpoint(server.url)
        first = evaluate(tmp_path, url, items, "one", *more)
        paid = len(server.paid)
        second = evaluate(tmp_path, url, items, "two", *more)
    assert paid == 12 == len(server.paid) == len(set(server.paid))
    assert values(first) == values(second)


def test_a_killed_run_asks_nothing_twice(tmp_path: Path) -> None:
    items = sample(tmp_path / "b", 8)
    with OpenAIServer(lambda request: "答案：B") as server:
        server.delay = 0.15
        url, *more = endpoint(server.url)
        command = [sys.executable, "-m", "hypnos_convert", "evaluate", "--target", url, "--items", str(items), *more]
        command += ["--out", str(tmp_path / "run"), "--answers-cache", str(tmp_path / "cache"), "--quiet"]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        process = subprocess.Popen(command, env=environment)
        deadline = time.monotonic() + 120
        while len(server.paid) < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "run").exists()
        server.delay = 0
        assert subprocess.run(command, env=environment).returncode == 0
        # Two were under way when it was killed: the server may have answered them to nobody.
        assert len(set(server.paid)) == 24 and len(server.paid) <= 24 + 2
    assert json.loads((tmp_path / "run" / "result.json").read_text("utf-8"))["items"]["aneqa"] == 8


def test_an_endpoint_that_fails_keeps_what_it_answered(tmp_path: Path, capsys) -> None:
    items = sample(tmp_path / "b", 3)
    with OpenAIServer(lambda request: "B", key="right") as server:
        os.environ["HYPNOS_TEST_KEY"] = "wrong"
        url, *more = endpoint(server.url)
        out = str(tmp_path / "run")
        command = ["evaluate", "--target", url, "--items", str(items), "--out", out, *more, "--quiet"]
        command += ["--api-key-env", "HYPNOS_TEST_KEY", "--answers-cache", str(tmp_path / "cache")]
        try:
            assert main(command) == 6
            assert "check the key" in capsys.readouterr().err
            os.environ["HYPNOS_TEST_KEY"] = "right"
            assert main(command) == 0
        finally:
            del os.environ["HYPNOS_TEST_KEY"]


@pytest.mark.parametrize(
    ("target", "message"), [("nowhere", "nothing here can answer"), ("http://127.0.0.1:9/v1", "needs --model")]
)
def test_a_target_that_cannot_answer_is_refused(tmp_path: Path, target: str, message: str, capsys) -> None:
    items = str(sample(tmp_path / "b", 1))
    assert main(["evaluate", "--target", target, "--items", items, "--out", str(tmp_path / "x")]) == 3
    assert message in capsys.readouterr().err


# --- models -----------------------------------------------------------------------------------------------------------


def test_a_checkpoint_is_scored_the_same_twice(tmp_path: Path) -> None:
    checkpoint = tiny_checkpoint(tmp_path / "checkpoint")
    items = sample(tmp_path / "b", 4)
    results = []
    for name in ("one", "two"):
        results.append(evaluate(tmp_path, checkpoint, items, name, "--max-tokens", "12"))
        for file in (tmp_path / "cache").iterdir():
            file.unlink()
    assert values(results[0]) == values(results[1])
    assert 0 <= values(results[0])["anecq.accuracy_likelihood"] <= 100
    assert results[0]["target"]["kind"] == "huggingface"


def tiny_checkpoint(folder: Path) -> Path:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    from hypnos_convert.bench import CHAT_TEMPLATE

    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = Qwen2Config(**shape, num_key_value_heads=1, vocab_size=600, bos_token_id=0, eos_token_id=2)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(["全身麻醉诱导期的循环管理"], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
    return folder


def test_the_shipped_package_has_the_same_scores_twice_in_a_real_browser(tmp_path: Path) -> None:
    items = write(
        tmp_path / "b",
        aneqa=[
            {**open_question(0), "question": "丙泊酚的诱导剂量是多少？", "id": "qa-1"},
            {**open_question(1), "question": "恶性高热如何处理？", "id": "qa-2"},
        ],
        anecq=[choice_question(0), choice_question(4)],
    )
    runs = {}
    for name in ("one", "two"):
        runs[name] = evaluate(tmp_path, DEMO, items, name, "--max-tokens", "48")
        kept = next((tmp_path / "cache").iterdir())
        lines = [json.loads(line) for line in kept.read_text("utf-8").splitlines()]
        runs[name]["answers"] = {line["id"]: line["text"] for line in lines}
        runs[name]["letters"] = [line["letters"] for line in lines if line["letters"]]
        kept.unlink()
    assert runs["one"] == {**runs["two"], "target": {**runs["two"]["target"], "name": "one"}}
    assert "mg/kg" in runs["one"]["answers"]["qa-1"], "the demonstration model knows this dose"
    assert len(runs["one"]["letters"]) == 1 and set(runs["one"]["letters"][0]) == set("ABCDE")
    assert all(value < 0 for value in runs["one"]["letters"][0].values())
    assert set(runs["one"]["target"]["identity"]["files"]) >= {"tokenizer.json", "hypnos-demo-software.wasm"}


def test_the_engine_for_the_processor_scores_the_same_package_in_a_real_browser(tmp_path: Path) -> None:
    items = write(
        tmp_path / "b",
        aneqa=[
            {**open_question(0), "question": "丙泊酚的诱导剂量是多少？", "id": "qa-1"},
            {**open_question(1), "question": "饕餮" * 1000, "id": "qa-too-long"},
        ],
        anecq=[choice_question(0)],
    )
    first = evaluate(tmp_path, DEMO, items, "one", "--max-tokens", "48", "--engine", "wllama")
    (kept,) = (tmp_path / "cache").iterdir()
    lines = kept.read_text("utf-8").splitlines(keepends=True)
    answers = {line["id"]: line for line in map(json.loads, lines)}
    assert "mg/kg" in answers["qa-1"]["text"], "the demonstration model knows this dose"
    assert (answers["qa-too-long"]["text"], answers["qa-too-long"]["finish_reason"]) == ("", "too_long")
    assert not any(line["letters"] for line in answers.values()), "this engine tells no likelihoods"
    assert "anecq.accuracy_likelihood" not in values(first) and "anecq.accuracy" in values(first)
    # As if it had been killed after the first answer; the file is named after the target.
    marked = lines[0].replace("mg/kg", "mg/kg（已存）")
    kept.unlink()
    kept = kept.with_name(kept.name.replace("one", "two", 1))
    kept.write_text(marked, "utf-8")
    again = evaluate(tmp_path, DEMO, items, "two", "--max-tokens", "48", "--engine", "wllama")
    assert kept.read_text("utf-8").splitlines(keepends=True) == [marked, *lines[1:]], "what was kept is not asked again"
    assert values(again)["anecq.no_answer"] == values(first)["anecq.no_answer"]
    identity = first["target"]["identity"]
    assert identity["engine"] == "wllama" and len(identity["sources"]) == 64
    assert "hypnos-demo-software.wasm" not in identity["files"], "no library takes part"

    # The scores go into the package that they are about, and into no other.
    package = Path(shutil.copytree(DEMO, tmp_path / "package"))
    assert main(["embed", str(package), str(tmp_path / "one")]) == 0
    manifest = verify(package)
    assert manifest["evaluation"] == json.loads((tmp_path / "one" / "package-evaluation.json").read_text("utf-8"))
    assert all("|wllama|" in score["signature"] for score in manifest["evaluation"]["scores"])
    sealed = (package / "hypnos-package.json").read_bytes()
    (package / "hypnos-package.sig").write_text("{}")
    assert main(["embed", str(package), str(tmp_path / "one")]) == 3
    (package / "hypnos-package.sig").unlink()
    about = json.loads((tmp_path / "one" / "result.json").read_text("utf-8"))
    about["target"]["identity"]["files"]["tokenizer.json"] = "0" * 64
    (tmp_path / "one" / "result.json").write_text(json.dumps(about), "utf-8")
    assert main(["embed", str(package), str(tmp_path / "one")]) == 3
    assert (package / "hypnos-package.json").read_bytes() == sealed
