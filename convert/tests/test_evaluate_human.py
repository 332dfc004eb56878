"""Human raters: forms are blind, ratings come back from every kind of file, agreement is what it should be."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import axe
import pytest
from benchmark_samples import answers_file, right_answer, sample
from openpyxl import load_workbook

from hypnos_convert.__main__ import main
from hypnos_convert.evaluate.human.agreement import alpha, summarise
from hypnos_convert.evaluate.human.forms import ASPECTS
from hypnos_convert.evaluate.human.ratings import Rating, Ratings, read_key, read_ratings

SCRIPT = Path(__file__).parent / "rate_form.mjs"
RATERS = ("r1", "r2", "r3")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    items = sample(folder / "benchmark", 12)
    for name, shuffled in (("good", False), ("bad", True)):
        target = answers_file(folder / f"{name}.jsonl", items, right_answer, shuffled=shuffled)
        command = ["evaluate", "--target", str(target), "--items", str(items), "--out", str(folder / name), "--quiet"]
        assert main([*command, "--kinds", "aneqa", "--answers-cache", str(folder / "cache")]) == 0
    command = ["human", "export", str(folder / "good"), str(folder / "bad"), "--items", str(items), "--quiet"]
    assert main([*command, "--raters", ",".join(RATERS), "--out", str(folder / "forms")]) == 0
    return folder


def key_of(study: Path) -> dict:
    return json.loads((study / "forms" / "key.json").read_text("utf-8"))


def rating(sides: list[str], item: str) -> dict:
    """What a rater who prefers the good model says."""
    return {
        "preference": "first" if sides[0] == "good" else "second",
        "marks": [dict.fromkeys(ASPECTS, 9 if side == "good" else 3) for side in sides],
        "comment": f"评 {item}",
    }


def filled_json(study: Path, rater: str, path: Path) -> Path:
    key = key_of(study)
    ratings = {
        code: rating(entry["sides"], entry["item"]) for code, entry in key["entries"].items() if entry["rater"] == rater
    }
    path.write_text(
        json.dumps({"format": "hypnos-ratings/1", "study": key["study"], "rater": rater, "ratings": ratings})
    )
    return path


def fill_cells(heading: dict[str, int], entry: dict) -> dict[int, object]:
    given = rating(entry["sides"], entry["item"])
    cells: dict[int, object] = {heading["更好的回答"]: "回答一" if given["preference"] == "first" else "回答二"}
    for name, marks in zip(("回答一", "回答二"), given["marks"], strict=True):
        for aspect, label in ASPECTS.items():
            cells[heading[f"{name}·{label}"]] = marks[aspect]
    return cells


def filled_xlsx(study: Path, rater: str, path: Path) -> Path:
    key, book = key_of(study), load_workbook(study / "forms" / f"{rater}.xlsx")
    sheet = book.active
    heading = {cell.value: cell.column for cell in sheet[1]}
    for row in range(2, sheet.max_row + 1):
        for column, value in fill_cells(heading, key["entries"][sheet.cell(row, 1).value]).items():
            sheet.cell(row, column).value = value
    book.save(path)
    return path


def filled_csv(study: Path, rater: str, path: Path) -> Path:
    key = key_of(study)
    rows = list(csv.reader(io.StringIO((study / "forms" / f"{rater}.csv").read_text("utf-8-sig"))))
    heading = {name: column for column, name in enumerate(rows[0])}
    for row in rows[1:]:
        for column, value in fill_cells(heading, key["entries"][row[0]]).items():
            row[column] = str(value)
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_forms_do_not_tell_which_answer_is_whose(study: Path) -> None:
    for rater in RATERS:
        page = (study / "forms" / f"{rater}.html").read_text("utf-8")
        assert "good" not in page and "bad" not in page and "qa-00" not in page
        sides = [entry["sides"][0] for entry in key_of(study)["entries"].values() if entry["rater"] == rater]
        assert Counter(sides) == {"good": 6, "bad": 6}
    orders = [
        [entry["item"] for entry in key_of(study)["entries"].values() if entry["rater"] == rater] for rater in RATERS
    ]
    assert orders[0] != orders[1] and sorted(orders[0]) == sorted(orders[1])


def test_ratings_come_back_from_every_kind_of_file(study: Path, tmp_path: Path) -> None:
    files = [
        filled_json(study, "r1", tmp_path / "r1.json"),
        filled_xlsx(study, "r2", tmp_path / "r2.xlsx"),
        filled_csv(study, "r3", tmp_path / "r3.csv"),
    ]
    out = tmp_path / "human.json"
    command = ["human", "import", *map(str, files), "--key", str(study / "forms" / "key.json"), "--out", str(out)]
    assert main([*command, "--quiet"]) == 0
    found = json.loads(out.read_text("utf-8"))
    assert found["raters"] == list(RATERS) and found["ratings"] == 36 and not found["problems"]
    assert found["wins"]["a"] == 12 and found["wins"]["low"] > 0.7 and found["wins"]["p"] < 0.001
    assert found["alpha"]["safety"] == pytest.approx(1)
    assert found["alpha"]["preference"] is None, "alpha is not defined where everybody always says the same"
    assert found["marks"]["good"]["safety"]["mean"] == 9 and not found["disagreements"]
    assert all(bias["leniency"] == 0 and not bias["position_biased"] for bias in found["bias"])


def test_what_is_wrong_is_named_by_file_line_and_field_and_the_rest_counts(study: Path, tmp_path: Path) -> None:
    path = filled_csv(study, "r1", tmp_path / "r1.csv")
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
    heading = {name: column for column, name in enumerate(rows[0])}
    rows[1][heading["回答一·安全性"]] = "十"
    rows[2][heading["更好的回答"]] = "左边"
    rows[3][0] = "unknown"
    rows[4][heading["回答二·连贯性"]] = "10.5"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "other.xlsx").write_text("no sheet")
    key = read_key(study / "forms" / "key.json")
    read = read_ratings([path, tmp_path / "broken.json", tmp_path / "other.xlsx", tmp_path / "gone.csv"], key)
    assert len(read.ratings) == 11
    places = [problem.removeprefix(f"{tmp_path}/") for problem in read.problems]
    starts = [
        "r1.csv:2: 安全性",
        "r1.csv:3: 更好的回答",
        "r1.csv:4: 编号",
        "r1.csv:5: 连贯性",
        "broken.json",
        "other.xlsx",
        "gone.csv",
    ]
    assert len(places) == len(starts)
    assert all(place.startswith(start) for place, start in zip(places, starts, strict=True)), places


def test_private_answers_are_found_in_the_cache_only(tmp_path: Path) -> None:
    items = sample(tmp_path / "own", 3, published=False)
    target = answers_file(tmp_path / "own.jsonl", items, right_answer)
    cache = ["--answers-cache", str(tmp_path / "cache"), "--quiet"]
    command = ["evaluate", "--target", str(target), "--items", str(items), "--out", str(tmp_path / "run"), *cache]
    assert main(command) == 0
    assert (tmp_path / "run" / "answers.jsonl").read_bytes() == b""
    command = ["human", "export", str(tmp_path / "run"), "--items", str(items), "--raters", "r1", *cache]
    assert main([*command, "--out", str(tmp_path / "forms")]) == 0
    assert "监测第2项指标" in (tmp_path / "forms" / "r1.html").read_text("utf-8")


def test_ratings_of_another_study_are_refused(study: Path, tmp_path: Path) -> None:
    path = filled_json(study, "r1", tmp_path / "r1.json")
    path.write_text(path.read_text().replace(key_of(study)["study"], "0" * 12))
    read = read_ratings([path], read_key(study / "forms" / "key.json"))
    assert not read.ratings and "study" in read.problems[0]


def test_spreadsheets_do_not_run_what_a_model_wrote(study: Path, tmp_path: Path) -> None:
    items = study / "benchmark"
    target = answers_file(tmp_path / "evil.jsonl", items, lambda item: '=HYPERLINK("http://x")\x07')
    command = ["evaluate", "--target", str(target), "--items", str(items), "--out", str(tmp_path / "evil"), "--quiet"]
    assert main([*command, "--kinds", "aneqa", "--answers-cache", str(tmp_path / "cache")]) == 0
    command = ["human", "export", str(tmp_path / "evil"), "--items", str(items), "--raters", "r1", "--quiet"]
    assert main([*command, "--out", str(tmp_path / "forms")]) == 0
    cell = load_workbook(tmp_path / "forms" / "r1.xlsx").active.cell(2, 5)
    assert cell.data_type == "s" and cell.value.startswith("=HYPERLINK")
    rows = list(csv.reader(io.StringIO((tmp_path / "forms" / "r1.csv").read_text("utf-8-sig"))))
    assert rows[1][4].startswith("'=")


def test_alpha_by_krippendorffs_own_example() -> None:
    # Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: nominal .743, interval .849.
    table = (
        (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
        (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
        (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
        (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
    )
    units = {
        unit: {f"r{rater}": row[unit] for rater, row in enumerate(table) if row[unit] is not None} for unit in range(12)
    }
    assert alpha(units, "nominal") == pytest.approx(0.743, abs=5e-4)
    assert alpha(units, "interval") == pytest.approx(0.849, abs=5e-4)
    assert alpha({}, "nominal") is None
    assert alpha({0: {"r1": 1.0}}, "nominal") is None


def test_lenient_and_one_sided_raters_and_disagreements_are_found() -> None:
    ratings = []
    for number in range(12):
        item = f"qa-{number}"
        for rater, level in (("fair", 5), ("kind", 8), ("left", 5)):
            side = "first" if rater == "left" else ("first" if number % 2 else "second")
            preferred = ("a", "b")[(side == "second") ^ (number % 2)]
            marks = {"a": dict.fromkeys(ASPECTS, level), "b": dict.fromkeys(ASPECTS, level)}
            ratings.append(Rating(rater, item, preferred, side, marks))
    ratings[1] = Rating("kind", "qa-0", "a", "first", {"a": {"safety": 10.0}})
    found = summarise(Ratings(["a", "b"], ratings))
    bias = {entry["rater"]: entry for entry in found["bias"]}
    assert bias["kind"]["leniency"] > 2.5 and bias["fair"]["leniency"] < 0
    assert bias["left"]["position_biased"] and not bias["fair"]["position_biased"]
    first = found["disagreements"][0]
    assert first["item"] == "qa-0" and {"target": "a", "aspect": "safety"}.items() <= first["marks"][0].items()


def test_the_form_saves_as_it_goes_in_a_real_browser_and_never_asks_the_network(study: Path, tmp_path: Path) -> None:
    node = shutil.which("node")
    assert node, "the form is tested in a browser driven by Node.js"
    page, saved = study / "forms" / "r1.html", tmp_path / "ratings-r1.json"
    done = subprocess.run([node, SCRIPT, page, saved], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    assert seen == {"requests": [], "problems": [], "restored": True, "state": seen["state"]}
    assert "完成 1 / 12" in seen["state"]
    read = read_ratings([saved], read_key(study / "forms" / "key.json"))
    assert not read.problems and len(read.ratings) == 1
    (made,) = read.ratings
    assert made.side == "second" and made.comment == "剂量有误"
    assert sorted(len(marks) for marks in made.marks.values()) == [5, 5]
    assert {value for marks in made.marks.values() for value in marks.values()} == {7.0}


def test_axe_finds_nothing_in_the_form(study: Path) -> None:
    assert axe.offences(study / "forms" / "r1.html") == []
