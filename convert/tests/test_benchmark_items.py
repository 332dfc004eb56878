"""The benchmark that ships: what it promises in its datasheet holds for every item.

Each rule is tested twice: the shipped items keep it, and an item that breaks it is caught.
"""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest

CONVERT = Path(__file__).parents[1]
BENCHMARK = CONVERT / "benchmark"
SCHEMA = CONVERT / "hypnos_convert" / "schema" / "benchmark-item.schema.json"
SETS = ("aneqa", "anecq", "anerc")


def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARK / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


lint, build = tool("lint"), tool("build")
ITEMS = {name: lint.read_items(name) for name in SETS}
EVERYTHING = [item for items in ITEMS.values() for item in items]


@pytest.mark.parametrize("name", SETS)
def test_every_item_fits_the_schema(name: str) -> None:
    definitions = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    validator = jsonschema.Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})
    wrong = [f"{item['id']}: {error.message}" for item in ITEMS[name] for error in validator.iter_errors(item)]
    assert not wrong
    broken = {**ITEMS[name][0], "difficulty": "trivial"}
    assert not validator.is_valid(broken)


def test_the_manifest_describes_the_files() -> None:
    manifest = json.loads((BENCHMARK / "benchmark.json").read_text(encoding="utf-8"))
    definitions = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    jsonschema.validate(manifest, {"$ref": "#/$defs/benchmark", "$defs": definitions})
    assert [file["path"] for file in manifest["files"]] == [f"{name}.jsonl" for name in SETS]
    for file in manifest["files"]:
        content = (BENCHMARK / file["path"]).read_bytes()
        assert file["items"] == content.count(b"\n")
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert manifest["reviewed"] is False


def test_the_files_are_what_the_source_gives() -> None:
    run = subprocess.run([sys.executable, BENCHMARK / "tools" / "build.py", "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_sizes() -> None:
    assert len(ITEMS["aneqa"]) >= 200
    types = Counter(item["type"] for item in ITEMS["anecq"])
    assert types["single"] >= 240
    assert types["multiple"] >= 60
    assert len(ITEMS["anerc"]) >= 100
    assert len({item["passage_id"] for item in ITEMS["anerc"]}) >= 30


def test_the_datasheet_gives_the_counts_of_the_files() -> None:
    datasheet = (BENCHMARK / "DATASHEET.md").read_text(encoding="utf-8")
    for name in SETS:
        assert f"| `{name}.jsonl` | {len(ITEMS[name])} |" in datasheet
    types = Counter(item["type"] for item in ITEMS["anecq"])
    assert f"{types['single']} with one right answer, {types['multiple']} with two to four" in datasheet
    difficulties = Counter(item["difficulty"] for item in EVERYTHING)
    for difficulty in ("basic", "intermediate", "advanced"):
        assert f"{difficulties[difficulty]} {difficulty}" in datasheet


@pytest.mark.parametrize("name", SETS)
def test_every_category_and_difficulty_is_asked(name: str) -> None:
    assert {item["category"] for item in ITEMS[name]} == set(build.CATEGORIES)
    assert {item["difficulty"] for item in ITEMS[name]} == {"basic", "intermediate", "advanced"}


def test_ids_are_unique_and_texts_are_clean() -> None:
    ids = Counter(item["id"] for item in EVERYTHING)
    assert max(ids.values()) == 1
    for item in EVERYTHING:
        assert "\u03bc" not in json.dumps(item, ensure_ascii=False), f"{item['id']}: Greek mu instead of the micro sign"
        assert item["provenance"] == build.PROVENANCE


def test_key_points_stand_in_the_reference_and_forbidden_statements_do_not() -> None:
    assert not [c for item in ITEMS["aneqa"] for c in lint.open_question_complaints(item)]
    broken = copy.deepcopy(ITEMS["aneqa"][0])
    broken["reference"] = "不知道。"
    assert any("no wording of key point" in c for c in lint.open_question_complaints(broken))
    broken = copy.deepcopy(ITEMS["aneqa"][0])
    broken["reference"] += broken["forbidden"][0]["patterns"][0]
    assert any("forbidden" in c for c in lint.open_question_complaints(broken))
    broken = copy.deepcopy(ITEMS["aneqa"][0])
    broken["question"] += broken["key_points"][0]["patterns"][0]
    assert any("the question itself says" in c for c in lint.open_question_complaints(broken))


def test_key_points_tell_an_answer_from_one_to_another_question() -> None:
    """The reference earns everything, the references of the same category's other questions next to nothing."""
    foreign = []
    for item in ITEMS["aneqa"]:
        assert lint.key_point_recall(item, item["reference"]) == 1
        foreign += [
            lint.key_point_recall(item, other["reference"])
            for other in ITEMS["aneqa"]
            if other["category"] == item["category"] and other is not item
        ]
    assert sum(foreign) / len(foreign) < 0.1


def test_choice_questions_have_right_and_wrong_options() -> None:
    assert not [c for item in ITEMS["anecq"] for c in lint.choice_question_complaints(item)]
    single = next(item for item in ITEMS["anecq"] if item["type"] == "single")
    assert list(lint.choice_question_complaints({**single, "answer": ["A", "B"]}))
    assert list(lint.choice_question_complaints({**single, "options": {letter: "同" for letter in "ABCDE"}}))


def test_neither_letter_nor_length_gives_the_answer_away() -> None:
    statistics = lint.choice_statistics(ITEMS["anecq"])
    single = statistics["letters"]["single"]
    assert set(single) == set("ABCDE")
    assert max(single.values()) - min(single.values()) <= 2
    # Of multiple questions the number of right options must not be predictable either.
    counts = Counter(len(item["answer"]) for item in ITEMS["anecq"] if item["type"] == "multiple")
    assert set(counts) == {2, 3, 4}
    assert max(counts.values()) <= 0.6 * counts.total()
    multiple = statistics["letters"]["multiple"]
    assert max(multiple.values()) <= 1.4 * min(multiple.values())
    # A model that always takes the longest, or the shortest, option must stay near chance (0.20).
    assert statistics["longest_is_right"] <= lint.MOST_LONGEST_RIGHT
    assert statistics["shortest_is_right"] <= lint.MOST_LONGEST_RIGHT
    assert 0.9 <= statistics["mean_length_right"] / statistics["mean_length_wrong"] <= 1.1
    told = [{**item, "options": {**item["options"], item["answer"][0]: "最长" * 40}} for item in ITEMS["anecq"]]
    assert lint.choice_statistics(told)["longest_is_right"] == 1


def test_answers_of_reading_questions_are_spans() -> None:
    assert not [c for item in ITEMS["anerc"] for c in lint.reading_question_complaints(item)]
    moved = copy.deepcopy(ITEMS["anerc"][0])
    moved["answers"][0]["start"] += 1
    assert list(lint.reading_question_complaints(moved))


def test_a_passage_reads_the_same_in_all_its_questions() -> None:
    passages = {(item["passage_id"], item["passage"]) for item in ITEMS["anerc"]}
    assert len(passages) == len({passage_id for passage_id, _ in passages})


def test_no_two_items_ask_the_same() -> None:
    for items in ITEMS.values():
        assert not list(lint.twins(items))
    assert list(lint.twins([ITEMS["aneqa"][0], {**ITEMS["aneqa"][0], "id": "aneqa-9999"}]))


def test_nothing_is_shared_with_the_training_text(tmp_path: Path) -> None:
    assert not list(lint.overlaps(EVERYTHING, [CONVERT / "data"]))
    leaked = {"id": "leak", "instruction": ITEMS["aneqa"][0]["question"], "output": ITEMS["aneqa"][1]["reference"][:20]}
    (tmp_path / "leak.jsonl").write_text(json.dumps(leaked, ensure_ascii=False) + "\n", encoding="utf-8")
    found = list(lint.overlaps(EVERYTHING, [tmp_path]))
    assert any(c.startswith("aneqa-0001: question near leak") for c in found)
    assert any(c.startswith("aneqa-0002: reference shares with leak") for c in found)
