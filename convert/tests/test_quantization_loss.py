"""A run's package, in a real browser, against the answers of its checkpoint."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

from hypnos_convert.__main__ import main
from hypnos_convert.progress import Progress
from hypnos_convert.runs import Run
from hypnos_convert.smoke import Answer

DEMO = Path(__file__).parents[2] / "public/models/hypnos-demo"
QUESTIONS = ["丙泊酚的诱导剂量是多少？", "恶性高热怎么处理？", "你是谁？"]


def make_run(folder: Path, texts: list[str]) -> Path:
    folder.mkdir()
    run = Run(folder, Progress(quiet=True))
    with run.stage("evaluate", {"new_tokens": 24}, []) as work:
        answers = [Answer(f"q-{i}", QUESTIONS[i], texts[i], texts[i], ended=True) for i in range(len(texts))]
        work.write_lines("answers.jsonl", [asdict(answer) for answer in answers])
    with run.stage("package", {}, []) as work:
        shutil.copytree(DEMO, work.folder / "hypnos-demo")
    return folder


def test_a_package_is_asked_what_its_checkpoint_was_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache = tmp_path / "cache"

    def compare(run: Path, *more: str) -> dict:
        options = ("--engine", "wllama", "--answers-cache", str(cache), "--json", "--quiet")
        code = main(["quantization-loss", str(run), *options, *more])
        said = capsys.readouterr()
        return {"code": code, "error": said.err, **json.loads(said.out)}

    other = compare(make_run(tmp_path / "other", ["立即停用可疑药物；静脉注射肾上腺素。"] * 3), "--points", "2")
    assert (other["questions"], other["same"], other["checkpoint"]["key_point_overlap"]) == (3, 0, 1)
    fallen = -100 * other["differences"]["key_point_overlap"]["value"]
    assert fallen > 50 and other["code"] == 1 and f"{fallen:.2f} points lower" in other["error"]

    (kept,) = cache.iterdir()
    lines = [json.loads(line) for line in kept.read_text("utf-8").splitlines()]
    said = {line["id"]: line["text"].strip() for line in lines}
    assert "mg/kg" in said["q-0"]
    own = compare(make_run(tmp_path / "own", [said[f"q-{i}"] for i in range(3)]), "--points", "0")
    assert (own["code"], own["same"], own["differences"]["key_point_overlap"]["value"]) == (0, 3, 0)
    assert own["package"]["ended"] < 1, "24 tokens are too few for all of them"
    assert len(kept.read_text("utf-8").splitlines()) == 3, "nothing is asked twice"


def test_a_run_that_is_not_finished_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run", ["甲", "乙", "丙"])
    shutil.rmtree(run / "package")
    assert main(["quantization-loss", str(run), "--quiet"]) == 3
    assert "expected one package, found 0" in capsys.readouterr().err
    shutil.rmtree(run / "evaluate")
    assert main(["quantization-loss", str(run), "--quiet"]) == 3
    assert "answers.jsonl" in capsys.readouterr().err
