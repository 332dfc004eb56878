"""Runs side by side: made by the pipeline's own stage folders, with answers whose scores are known."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from hypnos_convert.__main__ import main
from hypnos_convert.ablations import compare_runs
from hypnos_convert.errors import InputError
from hypnos_convert.progress import Progress
from hypnos_convert.runs import Run
from hypnos_convert.smoke import Answer

REFERENCE = "立即停用可疑药物；静脉注射肾上腺素；快速补液。"
QUESTIONS = 40


def make_run(folder: Path, losses: list[float], covering: set[int], prefix: str = "q") -> Path:
    """A run of two phases; question ``i`` costs ``losses[i]`` nats over 10 tokens; ``covering``: answered."""
    folder.mkdir()
    run = Run(folder, Progress(quiet=True))
    with run.stage("train", {}, []) as work:
        work.write_text("curves.png", "")
        work.counts = {"general": {"steps": 3}, "anaesthesia": {"steps": 4}}
    with run.stage("evaluate", {}, []) as work:
        answers = []
        for i, loss in enumerate(losses):
            text = REFERENCE if i in covering else "不知道。"
            answers.append(Answer(f"{prefix}-{i}", f"{prefix} {i}？", REFERENCE, text, True, loss, 10))
        work.write_lines(
            "answers.jsonl",
            [{**asdict(a), "degenerate": a.degenerate, "key_point_overlap": a.overlap} for a in answers],
        )
    return folder


def test_an_arm_is_compared_with_the_first_over_the_same_questions(tmp_path: Path) -> None:
    good = make_run(tmp_path / "good", [5.0] * QUESTIONS, set(range(30)))
    poor = make_run(tmp_path / "poor", [9.0 + i % 3 for i in range(QUESTIONS)], set(range(10)))
    first, second, same = compare_runs([good, poor, good])
    assert first.phases == ["general", "anaesthesia"] and first.steps == 7 and first.differences is None
    assert first.scores["heldout_loss"].value == pytest.approx(0.5)
    assert first.scores["key_point_overlap"].value == pytest.approx(0.75)
    assert second.differences is not None and second.shared == QUESTIONS
    loss, overlap = second.differences["heldout_loss"], second.differences["key_point_overlap"]
    assert loss.value == pytest.approx(sum(4 + i % 3 for i in range(QUESTIONS)) / 10 / QUESTIONS)
    assert 0.4 < loss.low < loss.value < loss.high < 0.6 and loss.p < 0.05
    assert overlap.value == pytest.approx(-0.5) and overlap.high < 0 and overlap.p < 0.05
    assert same.differences is not None
    assert all((d.value, d.p) == (0, 1) for d in same.differences.values())


def test_the_command_tells_arms_and_differences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = make_run(tmp_path / "good", [5.0] * QUESTIONS, set(range(30)))
    poor = make_run(tmp_path / "poor", [9.0] * QUESTIONS, set())
    assert main(["ablations", str(good), str(poor)]) == 0
    told = capsys.readouterr().out
    assert "poor: general → anaesthesia, 7 steps, 40 questions" in told and "+0.4000" in told and "-0.7500" in told
    assert main(["ablations", str(good), str(poor), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[1]["differences"]["key_point_overlap"]["value"] == pytest.approx(-0.75)


def test_runs_that_cannot_be_compared_are_named(tmp_path: Path) -> None:
    good = make_run(tmp_path / "good", [5.0] * 3, set())
    other = make_run(tmp_path / "other", [5.0] * 3, set(), prefix="another")
    with pytest.raises(InputError, match=r"other and .*good have no held-out question in common"):
        compare_runs([good, other])
    answers = other / "evaluate" / "answers.jsonl"
    kept = answers.read_text()
    answers.write_text(kept.replace('"tokens": 10', '"tokens": "ten"', 1))
    with pytest.raises(InputError, match=r"answers.jsonl: line 1.*tokens"):
        compare_runs([other])
    answers.write_text(kept.replace(', "tokens": 10', "", 1))
    with pytest.raises(InputError, match=r"line 1: no loss of its own; make the stage again"):
        compare_runs([other])
    answers.write_text("")
    with pytest.raises(InputError, match="holds no answers"):
        compare_runs([other])
    (other / "evaluate" / "answers.jsonl").unlink()
    with pytest.raises(InputError, match=r"answers\.jsonl"):
        compare_runs([other])
    with pytest.raises(InputError, match="none"):
        compare_runs([tmp_path / "none"])
