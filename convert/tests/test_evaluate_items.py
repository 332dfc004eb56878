"""Items: malformed lines are named and cost nothing else; private ones are recognised; contamination is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmark_samples import publish, write

from hypnos_convert.__main__ import main
from hypnos_convert.errors import InputError
from hypnos_convert.evaluate import contamination
from hypnos_convert.evaluate.items import Item, check_item, personal_data, read_benchmark, select

BENCHMARK = Path(__file__).parents[1] / "benchmark"

CONVERT = Path(__file__).parents[1]
ABOUT = {"category": "airway", "difficulty": "basic", "provenance": "test", "version": "1.0.0"}


def open_question(id: str = "qa-1", **changes) -> dict:
    return {
        "id": id,
        **ABOUT,
        "question": "如何处理恶性高热？",
        "reference": "停用诱发药物，静脉注射丹曲林。",
        "key_points": [{"text": "丹曲林", "weight": 2, "patterns": ["丹曲林"]}],
        "forbidden": [],
        **changes,
    }


def choice(id: str = "cq-1", **changes) -> dict:
    options = {"A": "甲", "B": "乙", "C": "丙", "D": "丁", "E": "戊"}
    return {"id": id, **ABOUT, "type": "single", "question": "选哪个？", "options": options, "answer": ["A"], **changes}


def reading(id: str = "rc-1", **changes) -> dict:
    return {
        "id": id,
        **ABOUT,
        "passage_id": "p-1",
        "passage": "患者术中体温升至 39℃，给予丹曲林。",
        "question": "给了什么药？",
        "answers": [{"text": "丹曲林", "start": 15}],
        **changes,
    }


@pytest.mark.parametrize(
    ("kind", "data", "field"),
    [
        ("aneqa", open_question(key_points=[]), "key_points"),
        ("aneqa", open_question(key_points=[{"text": "x", "weight": 0, "patterns": ["x"]}]), "key_points/0/weight"),
        ("aneqa", open_question(difficulty="hard"), "difficulty"),
        ("aneqa", open_question(id="QA 1"), "id"),
        ("aneqa", open_question(question=" "), "question"),
        ("aneqa", open_question(surprise=1), "line"),
        ("aneqa", {key: value for key, value in open_question().items() if key != "reference"}, "line"),
        ("aneqa", ["no", "object"], "line"),
        ("anecq", choice(answer=["F"]), "answer"),
        ("anecq", choice(answer=["A", "B"]), "answer"),
        ("anecq", choice(type="multiple"), "answer"),
        ("anecq", choice(type="multiple", answer=["B", "A"]), "answer"),
        ("anecq", choice(options={"A": "甲", "C": "丙"}), "options"),
        ("anecq", choice(options={"A": "甲", "B": "甲"}), "options"),
        ("anerc", reading(answers=[{"text": "丹曲林", "start": 3}]), "answers/0/start"),
        ("anerc", reading(answers=[{"text": "丹曲林", "start": -1}]), "answers/0/start"),
    ],
)
def test_what_is_wrong_is_named_by_field(kind: str, data: object, field: str) -> None:
    assert field in [place for place, _ in check_item(kind, data)]


def test_good_items_pass() -> None:
    assert not list(check_item("aneqa", open_question()))
    assert not list(check_item("anecq", choice(type="multiple", answer=["A", "C"])))
    assert not list(check_item("anerc", reading()))


def test_malformed_lines_are_named_and_the_others_kept(tmp_path: Path) -> None:
    lines = [
        open_question(),
        "{broken",
        "",
        open_question("qa-2", difficulty="?"),
        open_question(),
        open_question("qa-3"),
    ]
    benchmark = read_benchmark(write(tmp_path / "own", aneqa=lines, anecq=[choice()]))
    assert [item.id for item in benchmark.items] == ["qa-1", "qa-3", "cq-1"]
    named = [(problem.path.name, problem.line, problem.field) for problem in benchmark.problems]
    assert named == [("aneqa.jsonl", 2, "line"), ("aneqa.jsonl", 4, "difficulty"), ("aneqa.jsonl", 5, "id")]


def test_a_folder_without_benchmark_json_is_private(tmp_path: Path) -> None:
    folder = write(tmp_path / "own", aneqa=[open_question()])
    assert all(item.private for item in read_benchmark(folder).items)
    assert not any(item.private for item in read_benchmark(publish(folder)).items)


def test_a_published_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    folder = publish(write(tmp_path / "b", aneqa=[open_question()]))
    write(folder, aneqa=[open_question(question="改了")])
    with pytest.raises(InputError, match=r"aneqa\.jsonl was changed"):
        read_benchmark(folder)


def test_nothing_usable_is_an_error_that_names_the_lines(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"anerc\.jsonl:1: line: no JSON"):
        read_benchmark(write(tmp_path / "own", anerc=["oops"]))
    with pytest.raises(InputError, match="none of"):
        read_benchmark(write(tmp_path / "empty"))


@pytest.mark.parametrize(
    ("text", "personal"),
    [
        ("患者，身份证号 110101199003078515，拟行手术", True),
        ("联系电话：13812345678", True),
        ("住院号：0012345，男，45岁", True),
        ("姓名：王小明，男", True),
        ("2023年5月6日入院", True),
        ("家住江苏省南京市鼓楼区汉口路22号", True),
        ("男，45 岁，70 kg，拟行腹腔镜胆囊切除术，血压 138/86 mmHg", False),
        ("丙泊酚 2 mg/kg，血小板 120×10^9/L，床旁超声", False),
        ("PaO2 60 mmHg，HR 110 次/分，第 12345 例", False),
    ],
)
def test_personal_data_is_warned_about_without_repeating_it(text: str, personal: bool) -> None:
    warnings = list(personal_data(Item("aneqa", open_question(question=text), True, "own/aneqa.jsonl:7")))
    assert bool(warnings) is personal
    for warning in warnings:
        assert str(warning).startswith("own/aneqa.jsonl:7: question: ")
        assert text not in str(warning)


def test_a_limited_choice_is_spread_over_categories_and_stable(tmp_path: Path) -> None:
    lines = [open_question(f"qa-{i}", category="airway" if i < 90 else "pain") for i in range(100)]
    items = read_benchmark(write(tmp_path / "b", aneqa=lines, anecq=[choice()])).items
    chosen = select(items, ["aneqa"], 10)
    assert [item.category for item in chosen].count("pain") == 5
    assert select(items, ["aneqa"], 10) == chosen
    assert len(select(items, ["aneqa", "anecq"])) == 101


# --- contamination ----------------------------------------------------------------------------------------------------

SEEN = "术中突发呼气末二氧化碳骤降伴循环衰竭时应当首先考虑什么原因"


def item(question: str) -> Item:
    return Item("aneqa", open_question(question=question), False, "b/aneqa.jsonl:1")


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        (SEEN, {"run", "near-duplicate"}),
        ("请问：术中突发呼气末二氧化碳骤降，伴循环衰竭时，应当首先考虑什么原因？", {"run", "near-duplicate"}),
        ("术中突发呼气末二氧化碳锐降伴循环衰竭时应当首要考虑什么原因", {"near-duplicate"}),
        ("新生儿脊髓末端位于哪个椎体水平，腰穿应选择哪个间隙？", set()),
    ],
)
def test_contamination_is_found(tmp_path: Path, question: str, kind: set[str]) -> None:
    record = {"id": "x", "instruction": SEEN, "output": "空气栓塞、肺栓塞、心搏骤停都会使呼气末二氧化碳骤降。"}
    (tmp_path / "train.jsonl").write_text(json.dumps(record, ensure_ascii=False) + "\n")
    found = contamination.check([item(question)], tmp_path)
    assert {overlap.kind for overlap in found} >= kind
    assert bool(found) is bool(kind)
    assert all(overlap.where == "train.jsonl:1" for overlap in found)


def test_chat_records_and_source_text_are_read_too(tmp_path: Path) -> None:
    chat = {"messages": [{"role": "user", "content": SEEN}, {"role": "assistant", "content": "空气栓塞"}]}
    (tmp_path / "chat.jsonl").write_text(json.dumps(chat, ensure_ascii=False) + "\n")
    assert {overlap.kind for overlap in contamination.check([item(SEEN)], tmp_path)} == {"run", "near-duplicate"}
    (tmp_path / "chat.jsonl").unlink()
    (tmp_path / "source.txt").write_text(f"@short\n{SEEN}|别的问法\n")
    assert contamination.check([item(SEEN)], tmp_path)[0].where == "source.txt:2"


def test_private_wording_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(SEEN)
    private = Item("aneqa", open_question(question=SEEN), True, "own/aneqa.jsonl:1")
    assert all(SEEN[:6] not in str(overlap) for overlap in contamination.check([private], tmp_path))


def test_the_benchmark_is_held_out_from_training() -> None:
    folder = CONVERT / "benchmark"
    benchmark = read_benchmark(folder)
    assert not benchmark.problems, "\n".join(map(str, benchmark.problems))
    overlaps = contamination.check(benchmark.items, CONVERT / "data")
    assert not overlaps, "\n".join(map(str, overlaps))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
        ('{"id": ' + "9" * 5000 + "}", "not valid JSON"),
        ('{"id": "\\ud800"}', "half of a surrogate pair"),
        ('{"id": NaN}', "not valid JSON"),
    ],
    ids=["deep", "digits", "surrogate", "nan"],
)
def test_lines_that_break_parsers_are_problems_like_others(tmp_path: Path, line: str, message: str) -> None:
    good = (BENCHMARK / "aneqa.jsonl").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "aneqa.jsonl").write_text(f"{good}\n{line}\n", encoding="utf-8")
    benchmark = read_benchmark(tmp_path)
    assert len(benchmark.items) == 1
    assert [(problem.line, message in str(problem)) for problem in benchmark.problems] == [(2, True)]


@pytest.mark.parametrize("name", ["anecq.jsonl", "benchmark.json"])
def test_a_file_that_leads_nowhere_is_not_passed_over(tmp_path: Path, name: str) -> None:
    (tmp_path / "aneqa.jsonl").write_text((BENCHMARK / "aneqa.jsonl").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / name).symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match=f"{name} cannot be read"):
        read_benchmark(tmp_path)


@pytest.mark.parametrize("option", ["--limit", "--max-tokens", "--concurrency"])
def test_counts_start_at_one(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "--target", "nowhere", option, "0"])
    assert ended.value.code == 2 and "must be at least 1" in capsys.readouterr().err
