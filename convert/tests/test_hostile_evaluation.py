"""The evaluation's inputs, damaged, foreign or malicious: one line that names the place, and no lock kept."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from benchmark_samples import answers_file, right_answer, sample
from hostile import one_line, open_files
from hypothesis import given, settings
from hypothesis import strategies as st
from openai_server import OpenAIServer
from openpyxl import Workbook, load_workbook
from test_evaluate_judge import honest

from hypnos_convert.__main__ import main
from hypnos_convert.endpoint import Ledger
from hypnos_convert.errors import InputError
from hypnos_convert.evaluate.cache import AnswerCache
from hypnos_convert.evaluate.human.ratings import read_key, read_ratings
from hypnos_convert.evaluate.targets import open_target
from hypnos_convert.staging import Staging

GOOD = '{"id": "qa-0000", "text": "x"}\n'


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark of three items a kind, two results on it, forms, a judgement and a summary of ratings."""
    folder = tmp_path_factory.mktemp("study")
    items = sample(folder / "benchmark", 3)
    for name in ("a", "b"):
        target = answers_file(folder / f"{name}.jsonl", items, right_answer, shuffled=name == "b")
        argv = ["evaluate", "--target", target, "--items", items, "--out", folder / name]
        run(*argv, "--name", name, "--answers-cache", folder / "cache")
    run("human", "export", folder / "a", folder / "b", "--items", items, "--raters", "r1", "--out", folder / "forms")
    book = load_workbook(folder / "forms" / "r1.xlsx")
    column = next(cell.column for cell in book.active[1] if cell.value == "回答一·安全性")
    for row in range(2, 5):
        book.active.cell(row, column, 7)
    book.save(folder / "r1.xlsx")
    key = folder / "forms" / "key.json"
    # Marks without a preference are ratings too.
    run("human", "import", folder / "r1.xlsx", "--key", key, "--out", folder / "human.json")
    with OpenAIServer(honest) as server:
        judges = [{"name": "j", "base_url": server.url, "model": "m"}]
        (folder / "judges.json").write_text(json.dumps(judges))
        argv = ["judge", folder / "a", folder / "b", "--judges", folder / "judges.json", "--items", items]
        run(*argv, "--ledger", folder / "ledger.jsonl", "--out", folder / "judgement.json")
    return folder


def run(*argv: object) -> None:
    assert main([*map(str, argv), "--quiet"]) == 0


def evaluate(target: object, study: Path, tmp_path: Path) -> list[object]:
    argv = ["evaluate", "--target", target, "--items", study / "benchmark", "--out", tmp_path / "run", "--quiet"]
    return [*argv, "--answers-cache", tmp_path / "cache"]


# --- answers files ----------------------------------------------------------------------------------------------------

ANSWERS: dict[str, tuple[str, str]] = {
    "letters, NaN": ('{"id": "cq-0000", "text": "A", "letters": {"A": NaN}}', ":3: not JSON: NaN is no number"),
    "letters, infinite": (
        '{"id": "cq-0000", "text": "A", "letters": {"A": -1e999}}',
        ":3: not JSON: -1e999 is too large",
    ),
    "letters, texts": ('{"id": "cq-0000", "text": "A", "letters": {"A": "x"}}', ":3: letters: "),
    "letters, null": ('{"id": "cq-0000", "text": "A", "letters": {"A": null}}', ":3: letters: "),
    "letters, true": ('{"id": "cq-0000", "text": "A", "letters": {"A": true}}', ":3: letters: "),
    "letters, a list": ('{"id": "cq-0000", "text": "A", "letters": [1]}', ":3: letters: "),
    "letters, a number": ('{"id": "cq-0000", "text": "A", "letters": 1}', ":3: letters: "),
    "letters, words": ('{"id": "cq-0000", "text": "A", "letters": {"AB": -1}}', ":3: letters: "),
    "letters, no name": ('{"id": "cq-0000", "text": "A", "letters": {"": -1}}', ":3: letters: "),
    "reason, a list": ('{"id": "cq-0000", "text": "A", "finish_reason": ["stop"]}', ":3: finish_reason: "),
    "reason, a number": ('{"id": "cq-0000", "text": "A", "finish_reason": 1}', ":3: finish_reason: "),
    "reason, false": ('{"id": "cq-0000", "text": "A", "finish_reason": false}', ":3: finish_reason: "),
    "text, null": ('{"id": "cq-0000", "text": null}', ":3: text: "),
    "text, half a character": (
        '{"id": "cq-0000", "text": "\\ud800"}',
        ":3: not JSON: a text holds half of a surrogate",
    ),
    "id, a list": ('{"id": ["cq-0000"], "text": "A"}', ":3: id: "),
    "id, twice": (GOOD, ":3: id: 'qa-0000' has an answer on line 1 already"),
    "a list": ("[1]", ":3: expected a JSON object, found list"),
    "deep": ("[" * 9999, ":3: not JSON: nested too deeply"),
    "many digits": ('{"id": ' + "9" * 5000 + "}", ":3: not JSON: Exceeds the limit"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_are_refused_by_line_and_field(name: str, study: Path, tmp_path: Path, capsys) -> None:
    line, message = ANSWERS[name]
    path = tmp_path / "answers.jsonl"
    path.write_text(f"{GOOD}\n{line}\n", encoding="utf-8")  # The empty line counts.
    assert f"{path}{message}" in one_line(capsys, evaluate(path, study, tmp_path), 3)
    assert sorted(os.listdir(tmp_path)) == ["answers.jsonl"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ABZ") | st.text(max_size=3), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["id", "text", "finish_reason", "letters", "other"]), JSON))
@settings(max_examples=200)
def test_any_line_is_an_answer_or_an_error_for_the_user(tmp_path_factory: Any, study: Path, line: dict) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "answers.jsonl"
    try:
        path.write_text(json.dumps(line) + "\n")
        open_target(str(path), cache=path.parent)
    except InputError as error:
        assert str(error).startswith(f"{path}:1: ")
        return
    assert main([str(word) for word in evaluate(path, study, path.parent)]) == 0


def test_a_damaged_answer_in_the_cache_is_as_good_as_absent(study: Path, tmp_path: Path) -> None:
    argv = evaluate(study / "a.jsonl", study, tmp_path)
    run(*argv)
    first = (tmp_path / "run" / "result.json").read_bytes()
    (cache,) = (tmp_path / "cache").iterdir()
    lines = [json.loads(line) for line in cache.read_text("utf-8").splitlines()]
    for line, (field, value) in zip(
        lines,
        [("letters", 1), ("letters", {"A": None}), ("finish_reason", [1]), ("text", 2), ("key", [])],
        strict=False,
    ):
        line[field] = value
    cache.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    shutil.rmtree(tmp_path / "run")
    run(*argv)
    assert (tmp_path / "run" / "result.json").read_bytes() == first


# --- endpoints --------------------------------------------------------------------------------------------------------

ADDRESSES = [
    "http://[::1",
    "http://",
    "http:///v1",
    "http://a b/v1",
    "http://x:99999/v1",
    "http://x:port/v1",
    "http://x\n/v1",
    "http://é" + "é" * 80,
    "http://x" + "/a" * 40_000,
    "https://[x]/v1",
]


@pytest.mark.parametrize("address", ADDRESSES, ids=range(len(ADDRESSES)))
def test_what_is_no_address_is_refused_by_field(address: str, study: Path, tmp_path: Path, capsys) -> None:
    argv = [*evaluate(address, study, tmp_path), "--model", "m"]
    capsys.readouterr()
    assert main([str(word) for word in argv]) == 3
    assert "base_url: " in capsys.readouterr().err
    judges = tmp_path / "judges.json"
    judges.write_text(json.dumps([{"name": "j", "base_url": address, "model": "m"}]))
    argv = ["judge", study / "a", "--judges", judges, "--items", study / "benchmark", "--out", tmp_path / "v.json"]
    assert f"{judges}: 0/base_url: " in one_line(capsys, argv, 3)
    assert os.listdir(tmp_path) == ["judges.json"]


REPLIES: dict[str, bytes] = {
    "choices, an object": b'{"choices": {"a": 1}}',
    "choices, texts": b'{"choices": ["abc"]}',
    "choices, empty": b'{"choices": []}',
    "message, a text": b'{"choices": [{"message": "abc"}]}',
    "content, a list": b'{"choices": [{"message": {"content": ["abc"]}}]}',
    "a list": b"[1]",
    "a text": b'"abc"',
    "null": b"null",
    "deep": b'{"choices": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not UTF-8": b'{"choices": "\xff\xfe"}',
}


@pytest.mark.parametrize("name", REPLIES)
def test_what_is_no_completion_is_a_fault_of_the_endpoint(name: str, study: Path, tmp_path: Path, capsys) -> None:
    judges = tmp_path / "judges.json"
    with OpenAIServer(lambda _: "") as server:
        server.body = REPLIES[name]
        judge = {"name": "j", "base_url": server.url, "model": "m", "attempts": 2, "backoff_seconds": 0}
        judges.write_text(json.dumps([judge]))
        argv = ["judge", study / "a", "--judges", judges, "--items", study / "benchmark", "--quiet"]
        argv += ["--ledger", tmp_path / "ledger.jsonl", "--out", tmp_path / "v.json"]
        assert "j (" in one_line(capsys, argv, 6)
    assert not (tmp_path / "v.json").exists()
    assert not open_files(tmp_path)


def test_odd_figures_and_half_characters_of_a_reply_are_no_reason_to_pay_twice(study: Path, tmp_path: Path) -> None:
    reply = {
        "choices": [{"message": {"content": "答\ud800"}, "finish_reason": ["\udfff"]}],
        "usage": {"prompt_tokens": "many", "completion_tokens": -1},
    }
    with OpenAIServer(lambda _: "") as server:
        server.body = json.dumps(reply).encode()
        argv = [*evaluate(server.url, study, tmp_path), "--model", "m", "--kinds", "aneqa"]
        run(*argv)
    answers = (tmp_path / "run" / "answers.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["text"] for line in answers] == ["答\ufffd"] * 3
    with Ledger(tmp_path / "cache" / "m.ledger.jsonl") as ledger:
        assert (ledger.usage().requests, ledger.usage().prompt_tokens) == (3, 0)


@pytest.mark.parametrize("key", ["sk-\n1", "“sk-1”"])
def test_a_key_that_cannot_be_sent_is_not_tried(key: str, study: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("HYPNOS_TEST_KEY", key)
    argv = [*evaluate("http://127.0.0.1:9/v1", study, tmp_path), "--model", "m", "--api-key-env", "HYPNOS_TEST_KEY"]
    error = one_line(capsys, argv, 6)
    assert "the key in HYPNOS_TEST_KEY cannot be sent" in error and key not in error


# --- locks ------------------------------------------------------------------------------------------------------------


def test_a_command_that_failed_does_not_shut_out_the_next(study: Path, tmp_path: Path, capsys, monkeypatch) -> None:
    with OpenAIServer(lambda _: "A", key="right") as server:
        argv = [*evaluate(server.url, study, tmp_path), "--model", "m", "--api-key-env", "HYPNOS_TEST_KEY"]
        monkeypatch.delenv("HYPNOS_TEST_KEY", raising=False)
        assert "holds no API key" in one_line(capsys, argv, 6)
        assert not open_files(tmp_path)
        monkeypatch.setenv("HYPNOS_TEST_KEY", "right")
        monkeypatch.setenv("ALL_PROXY", "nonsense://x")
        assert "cannot be used" in one_line(capsys, argv, 6)
        assert not open_files(tmp_path)
        monkeypatch.delenv("ALL_PROXY")
        run(*argv)
    assert not open_files(tmp_path)


REPLY = {"key": "k", "text": "x", "finish_reason": "stop", "prompt_tokens": 1, "completion_tokens": 1}
REPLY |= {"cost": 0.0, "attempts": 1, "seconds": 0.1}


@pytest.mark.parametrize(
    "change",
    [{"key": ["k"]}, {"key": {}}, {"prompt_tokens": "1"}, {"cost": None}, {"seconds": "long"}, {"text": 1}, {"new": 1}],
)
def test_a_foreign_ledger_is_refused_and_let_go(change: dict, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text(json.dumps({"event": "reply", "endpoint": "e", "reply": {**REPLY, **change}}) + "\n")
    with pytest.raises(InputError, match=r"ledger.jsonl: entry 1 is no reply"), Ledger(path):
        pass
    assert not open_files(tmp_path)


def test_a_cache_that_cannot_be_read_is_let_go(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path, "a", 1)
    with cache:
        pass
    (path,) = tmp_path.iterdir()
    for content in (b"\xff\n", b"[1]\n", b"{\n"):
        path.write_bytes(content)
        with pytest.raises(InputError), AnswerCache(tmp_path, "a", 1):
            pass
        assert not open_files(tmp_path)


def test_a_staging_whose_disk_went_away_is_let_go(tmp_path: Path) -> None:
    with pytest.raises((InputError, OSError)), Staging(tmp_path / "stick" / "out", 1):
        shutil.rmtree(tmp_path / "stick")
        raise InputError("bad weight")
    assert not open_files(tmp_path)


# --- results, judgements, ratings -------------------------------------------------------------------------------------

Change = Callable[[Any], object]

DOCUMENTS: dict[str, tuple[str, Change, str]] = {
    "result, no target": ("a/result.json", lambda d: d.pop("target"), "the document: 'target' is a required"),
    "result, name": ("a/result.json", lambda d: d["target"].update(name=1), "target/name: 1 is not of type"),
    "result, kinds": ("a/result.json", lambda d: d["items"].update(other=1), "items: 'other' is not one of"),
    "result, groups": ("a/result.json", lambda d: d["by"]["category"].clear(), "by/category: aneqa is missing"),
    "result, score": ("a/result.json", lambda d: d["scores"][0].update(value="x"), "scores/0/value: 'x' is not"),
    "result, half an interval": ("a/result.json", lambda d: d["scores"][0].update(low=None), "scores/0"),
    "result, warnings": ("a/result.json", lambda d: d.update(warnings=["x"]), "warnings/0: 'x' is not of type"),
    "result, bootstrap": ("a/result.json", lambda d: d["parameters"].pop("bootstrap"), "parameters: 'bootstrap'"),
    "judgement, no summary": ("judgement.json", lambda d: d.pop("summary"), "'summary' is a required"),
    "judgement, no usage": ("judgement.json", lambda d: d["usage"].clear(), "usage: j is missing"),
    "judgement, wins": ("judgement.json", lambda d: d["summary"]["judges"][0].pop("wins"), "summary/judges/0: 'wins'"),
    "judgement, one target": ("judgement.json", lambda d: d["summary"]["targets"].pop(), "pairs: there are pairs"),
    "judgement, marks": (
        "judgement.json",
        lambda d: d["summary"]["judges"][0]["marks"]["a"].update(beauty=1),
        "summary/judges/0/marks/a: 'beauty' is not one of",
    ),
    "judgement, foreign": ("judgement.json", lambda d: d.update(format="x"), "not written by `judge`"),
    "ratings, alpha": ("human.json", lambda d: d.update(alpha=[]), "alpha: [] is not of type 'object'"),
    "ratings, bias": ("human.json", lambda d: d["bias"][0].pop("rater"), "bias/0: 'rater' is a required"),
    "ratings, one target": ("human.json", lambda d: d["targets"].pop(), "wins: there are wins, but one target"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_are_refused_by_field(name: str, study: Path, tmp_path: Path, capsys) -> None:
    file, change, message = DOCUMENTS[name]
    shutil.copytree(study, tmp_path / "in")
    path = tmp_path / "in" / file
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    error = one_line(capsys, report(tmp_path / "in", tmp_path), 3)
    assert f"{path}: " in error and message in error
    assert os.listdir(tmp_path) == ["in"]


def report(folder: Path, tmp_path: Path) -> list[object]:
    argv = ["report", "--runs", folder / "a", folder / "b", "--items", folder / "benchmark", "--out", tmp_path / "out"]
    return [*argv, "--judgement", folder / "judgement.json", "--human", folder / "human.json", "--quiet"]


LINES: dict[str, tuple[str, Change, str]] = {
    "items, kind": ("items.jsonl", lambda line: line.update(kind=["aneqa"]), ":2: kind: "),
    "items, id": ("items.jsonl", lambda line: line.pop("id"), ":2: id: "),
    "items, row": ("items.jsonl", lambda line: line["row"].__setitem__(0, None), ":2: row: "),
    "items, text in a row": ("items.jsonl", lambda line: line["row"].__setitem__(0, "x"), ":2: row: "),
    "answers, id": ("answers.jsonl", lambda line: line.pop("id"), ":2: id: "),
    "answers, text": ("answers.jsonl", lambda line: line.update(text=[]), ":2: text: "),
    "answers, places": ("answers.jsonl", lambda line: line.update(forbidden=["x"]), ":2: forbidden: "),
}


@pytest.mark.parametrize("name", LINES)
def test_lines_of_a_result_are_refused_by_field(name: str, study: Path, tmp_path: Path, capsys) -> None:
    file, change, message = LINES[name]
    shutil.copytree(study, tmp_path / "in")
    path = tmp_path / "in" / "a" / file
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    change(lines[1])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    for argv in (report(tmp_path / "in", tmp_path), ["compare", tmp_path / "in" / "a", study / "b"]):
        assert f"{path}{message}" in one_line(capsys, argv, 3)


def test_a_statement_that_the_benchmark_does_not_have_is_not_shown(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, tmp_path / "in")
    path = tmp_path / "in" / "a" / "answers.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    lines[0]["forbidden"] = [99]
    del lines[1]["stated"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    run(*report(tmp_path / "in", tmp_path))


KEYS: dict[str, Change] = {
    "targets": lambda d: d.pop("targets"),
    "targets: 5": lambda d: d.update(targets=5),
    "entries": lambda d: d.update(entries=[]),
    "sides": lambda d: next(iter(d["entries"].values())).pop("sides"),
    "is none of the targets": lambda d: next(iter(d["entries"].values())).update(sides=["x", "y"]),
}


@pytest.mark.parametrize("name", KEYS)
def test_a_damaged_key_is_refused_by_field(name: str, study: Path, tmp_path: Path, capsys) -> None:
    key = json.loads((study / "forms" / "key.json").read_text("utf-8"))
    KEYS[name](key)
    (tmp_path / "key.json").write_text(json.dumps(key), encoding="utf-8")
    argv = ["human", "import", study / "r1.xlsx", "--key", tmp_path / "key.json", "--out", tmp_path / "out.json"]
    error = one_line(capsys, argv, 3)
    assert f"{tmp_path / 'key.json'}: " in error and name.split(":")[0] in error


def parts(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(content: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return target.getvalue()


def without_sheets() -> bytes:
    book = Workbook()
    book.create_chartsheet()
    book.remove(book.active)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
SHEETS: dict[str, Callable[[Path], bytes]] = {
    "empty": lambda _: b"",
    "no archive": lambda _: b"PK\3\4" + b"\0" * 99,
    "cut": lambda path: path.read_bytes()[:-400],
    "archive of nothing": lambda _: packed({}),
    "archive of a text": lambda _: packed({"a.txt": b"x"}),
    "sheet missing": lambda path: packed({name: data for name, data in parts(path).items() if name != SHEET}),
    "sheet, no XML": lambda path: packed({**parts(path), SHEET: b"\xff"}),
    "sheet, cut": lambda path: packed({**parts(path), SHEET: parts(path)[SHEET][:-500]}),
    "sheet, bad cells": lambda path: packed({**parts(path), SHEET: parts(path)[SHEET].replace(b' r="A1"', b' r="?"')}),
    "sheet, bad texts": lambda path: packed({**parts(path), SHEET: parts(path)[SHEET].replace(b"<v>", b"<v>x")}),
    "workbook, no XML": lambda path: packed({**parts(path), "xl/workbook.xml": b"<"}),
    "workbook of a picture": lambda _: without_sheets(),
}


@pytest.mark.parametrize("name", SHEETS)
def test_a_damaged_spreadsheet_costs_only_itself(name: str, study: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.xlsx"
    path.write_bytes(SHEETS[name](study / "r1.xlsx"))
    read = read_ratings([path, study / "r1.xlsx"], read_key(study / "forms" / "key.json"))
    assert len(read.ratings) == 3
    assert len(read.problems) == 1
    assert read.problems[0].startswith(f"{path}: no readable XLSX: ") and "\n" not in read.problems[0]
    assert not open_files(tmp_path)


def test_a_spreadsheet_that_claims_another_size_is_read_as_it_is(study: Path, tmp_path: Path) -> None:
    content = parts(study / "r1.xlsx")
    for size in (b"A1:A1", b"A1:XFD1048576"):
        start = content[SHEET].index(b'<dimension ref="') + len(b'<dimension ref="')
        end = content[SHEET].index(b'"', start)
        path = tmp_path / f"{len(size)}.xlsx"
        path.write_bytes(packed({**content, SHEET: content[SHEET][:start] + size + content[SHEET][end:]}))
        read = read_ratings([path], read_key(study / "forms" / "key.json"))
        assert len(read.ratings) == 3 and not read.problems


TABLES: dict[str, tuple[str, bytes, str]] = {
    "csv, empty": ("r.csv", b"", ""),
    "csv, no headings": ("r.csv", b"a,b\n1,2\n", ":1: 编号: this column is missing"),
    "csv, huge cell": ("r.csv", "编号,".encode() + b"x" * 200_000 + b"\n", ": cannot be read: field larger than"),
    "csv, not UTF-8": ("r.csv", b"\xb1\xe0\xba\xc5\n", ": cannot be read: 'utf-8' codec"),
    "csv, a zero byte": ("r.csv", "编号\n\0\n".encode(), ":2: 编号: "),
    "csv, long code": ("r.csv", ("编号\n" + "x" * 9000 + "\n").encode(), ":2: 编号: "),
    "json, marks a number": ("r.json", b'{"marks": 5}', ""),
    "json, marks an object": ("r.json", b'{"marks": {"a": 1}}', ""),
    "json, marks of lists": ("r.json", b'{"marks": [[1], 2, null]}', ""),
    "json, mark of lists": ("r.json", b'{"marks": [{"safety": [1]}]}', "安全性: [1] is no number"),
    "json, mark of 400 digits": ("r.json", b'{"marks": [{"safety": 1' + b"0" * 400 + b"}]}", "is no number"),
    "json, mark true": ("r.json", b'{"marks": [{"safety": true}]}', "安全性: True is no number"),
    "json, preference of lists": ("r.json", b'{"preference": [1]}', "[1] is none of"),
    "json, rating a text": ("r.json", b'"x"', "编号: None is not in the key"),
    "json, comment of lists": ("r.json", b'{"comment": [1]}', ""),
}


@pytest.mark.parametrize("name", TABLES)
def test_damaged_ratings_cost_only_themselves(name: str, study: Path, tmp_path: Path) -> None:
    file, data, message = TABLES[name]
    key = read_key(study / "forms" / "key.json")
    if file == "r.json":
        code = next(iter(key["entries"]))
        data = b'{"study": "%s", "ratings": {"%s": %s}}' % (key["study"].encode(), code.encode(), data)
    (tmp_path / file).write_bytes(data)
    read = read_ratings([tmp_path / file, study / "r1.xlsx"], key)
    assert len(read.ratings) == 3
    assert len(read.problems) == (1 if message else 0)
    for problem in read.problems:
        assert problem.startswith(f"{tmp_path / file}") and message in problem
        assert "\n" not in problem and len(problem) < 500
