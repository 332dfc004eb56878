"""Records made elsewhere through the filter, as its user runs it; and the ablation's ratings, all of them on file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import scripted
import yaml
from openai_server import OpenAIServer

from hypnos_convert.__main__ import main
from hypnos_convert.train.mixture import read_examples

FILTERING = Path(__file__).parents[1] / "recipes" / "ablations" / "filtering"


def write_lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")


def record(number: int, **changes: Any) -> dict[str, Any]:
    answer = f"第 {number} 个答案：{'甲乙丙丁戊己庚辛'[number % 8] * 12}。"
    return {"id": f"本院-{number}", "instruction": f"第 {number} 个问题是什么？", "output": answer, **changes}


def recipe(folder: Path, url: str, **changes: Any) -> Path:
    endpoints = [{"name": name, "base_url": url, "model": f"m-{name}"} for name in ("red", "blue", "green", "grey")]
    section = {"records": {"path": "given", "writer": "m-red"}, "raters": ["red", "blue", "green", "grey"]}
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({"name": "given", "endpoints": endpoints, "filter": section, **changes}))
    return path


def rated(run: Path) -> dict[str, dict[str, Any]]:
    lines = [line for name in ("kept", "dropped", "undecided") for line in read(run / "filter" / f"{name}.jsonl")]
    return {line["id"]: line for line in lines}


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_records_of_a_folder_are_rated_by_models_other_than_their_writers(tmp_path: Path) -> None:
    write_lines(tmp_path / "given" / "one.jsonl", [record(number, ward="3A") for number in range(12)])
    # A writer may be named as an endpoint, or stand in the fields of a generated record.
    by = {"output_by": {"model": "m-blue"}}
    two = [
        record(number, writer="green", title="x") if number < 18 else record(number, **by) for number in range(12, 24)
    ]
    write_lines(tmp_path / "given" / "two.jsonl", two)
    write_lines(tmp_path / "given" / ".hidden.jsonl", [record(1)])
    with OpenAIServer(scripted.answer) as server:
        assert main(["run", str(recipe(tmp_path, server.url)), "--folder", str(tmp_path / "run")]) == 0
        assert len(server.paid) == 48
    found = rated(tmp_path / "run")
    assert len(found) == 24
    for line in found.values():
        raters = {rating["model"] for rating in line["ratings"]}
        assert len(raters) == 2 and line["writer"] not in raters and f"m-{line['writer']}" not in raters
        assert line.get("output_by", {}).get("model") not in raters
    assert found["本院-3"]["ward"] == "3A" and found["本院-3"]["writer"] == "m-red"
    assert found["本院-15"]["writer"] == "green"
    kept = read_examples(tmp_path / "run" / "filter" / "kept.jsonl")
    assert kept and all(found[example.id]["output"] == example.answer for example in kept)


def test_what_was_filtered_can_be_filtered_again(tmp_path: Path) -> None:
    write_lines(tmp_path / "given" / "one.jsonl", [record(number) for number in range(8)])
    with OpenAIServer(scripted.answer) as server:
        file = recipe(tmp_path, server.url)
        assert main(["filter", str(file), "--folder", str(tmp_path / "run")]) == 0
        first = rated(tmp_path / "run")
        write_lines(tmp_path / "given" / "one.jsonl", list(first.values()))
        assert main(["filter", str(file), "--folder", str(tmp_path / "again")]) == 0
    second = rated(tmp_path / "again")
    assert {key: line["verdict"] for key, line in second.items()} == {
        key: line["verdict"] for key, line in first.items()
    }


@pytest.mark.parametrize(
    ("records", "changes", "message"),
    [
        ([record(1), record(1)], {}, "one.jsonl: record 2: id '本院-1' occurs twice"),
        ([record(1), record(2, output="")], {}, "one.jsonl: record 2: output: String should have at least 1 character"),
        ([record(1, output=" ")], {}, "one.jsonl: record 1: output: String should match"),
        ([record(1, writer=None)], {}, "one.jsonl: record 1: writer: Input should be a valid string"),
        ([record(1, id=7)], {}, "one.jsonl: record 1: id: Input should be a valid string"),
        ([], {}, "given: no records in it"),
        ([record(1)], {"generate": {"writers": ["red"], "records": 5}}, "give either generate or filter.records"),
        (
            [record(1)],
            {"filter": {"records": {"path": "given", "writer": "red"}, "raters": ["red", "blue"]}},
            "filter.raters: what red writes needs 2 rater(s) of another model, found 1",
        ),
        (
            [record(1)],
            {"filter": {"records": {"path": "nowhere.jsonl", "writer": "x"}, "raters": ["red", "blue"]}},
            "nowhere.jsonl",
        ),
    ],
)
def test_unsuitable_records_are_named_and_nobody_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], records: list[Any], changes: dict[str, Any], message: str
) -> None:
    write_lines(tmp_path / "given" / "one.jsonl", records)
    with OpenAIServer(scripted.answer) as server:
        file = recipe(tmp_path, server.url, **changes)
        assert main(["filter", str(file), "--folder", str(tmp_path / "run")]) == 3
        assert not server.paid
    told = capsys.readouterr().err
    lines = [line for line in told.splitlines() if line != "filter ..."]
    assert len(lines) == 1 and message in lines[0]


def test_the_ablation_of_filtering_needs_no_endpoint(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    shutil.copy(FILTERING / "ledger.jsonl", tmp_path / "run")
    assert main(["filter", str(FILTERING / "with-filter.yaml"), "--folder", str(tmp_path / "run")]) == 0
    counts = json.loads((tmp_path / "run" / "filter" / "stage.json").read_text())["counts"]
    assert (counts["kept"], counts["dropped"], counts["undecided"]) == (1218, 981, 0)
    # Neither arm sees a question that both are asked at the end.
    asked = {example.question for example in read_examples(FILTERING / "heldout.jsonl")}
    assert len(asked) == 300
    assert not asked & {example.question for example in read_examples(FILTERING / "answers.jsonl")}
