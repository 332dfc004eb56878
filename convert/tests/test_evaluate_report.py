"""The report: self-contained, inert, complete in both languages, and equal to its JSON."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import axe
import pytest
from benchmark_samples import answers_file, right_answer, sample

from hypnos_convert.__main__ import main


class Reader(HTMLParser):
    """Collects what could load or run something."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "data", "action", "xlink:href"):
                self.addresses.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict]:
    folder = tmp_path_factory.mktemp("report")
    items = sample(folder / "benchmark", 24)
    hostile = answers_file(folder / "h.jsonl", items, lambda item: '<img src=x onerror="alert(1)"><script>1</script>')
    targets = {
        "before": answers_file(folder / "b.jsonl", items, right_answer),
        "after": answers_file(folder / "a.jsonl", items, right_answer, shuffled=True),
        "<b>hostile</b>": hostile,
    }
    for number, (name, path) in enumerate(targets.items()):
        command = ["evaluate", "--target", str(path), "--items", str(items), "--out", str(folder / str(number))]
        assert main([*command, "--name", name, "--answers-cache", str(folder / "c"), "--quiet"]) == 0
    command = ["report", "--runs", str(folder / "1"), str(folder / "2"), "--previous", str(folder / "0"), "--quiet"]
    assert main([*command, "--items", str(items), "--out", str(folder / "out")]) == 0
    page = (folder / "out" / "report.html").read_text("utf-8")
    return page, json.loads((folder / "out" / "report.json").read_text("utf-8"))


def test_nothing_is_loaded_or_run(report) -> None:
    reader = Reader()
    reader.feed(report[0])
    assert "script" not in reader.tags and "img" not in reader.tags and not reader.handlers
    assert all(address.startswith("data:") for address in reader.addresses)
    assert "default-src 'none'" in report[0]
    assert "<b>hostile</b>" not in report[0] and "&lt;b&gt;hostile&lt;/b&gt;" in report[0]


def test_both_languages_and_every_signature_are_there(report) -> None:
    page, numbers = report
    assert (
        page.count('lang="zh-CN"') > 50 and abs(page.count('<span lang="zh-CN">') - page.count('<span lang="en">')) == 0
    )
    for run in numbers["runs"]:
        for score in run["scores"]:
            assert score["signature"].replace("&", "&amp;") in page, score["key"]
    assert page.count("<svg") == 6, "a radar and bars for each kind"


def test_regressions_examples_and_warnings_are_shown(report) -> None:
    page, numbers = report
    keys = {(entry["run"], entry["key"]) for entry in numbers["regressions"]}
    assert {("after", "key_point_recall"), ("after", "accuracy"), ("after", "character_f1")} <= keys
    assert 'class="missing"' in page and "要点" in page and "qa-00" in page
    assert "are empty, looping or not Chinese" in page


def test_axe_finds_nothing_in_either_language(report, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(report[0], "utf-8")
    assert axe.offences(page) == []
