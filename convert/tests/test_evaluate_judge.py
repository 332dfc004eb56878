"""Judges: an honest one finds the better model, one that goes by position is exposed, malformed replies are named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmark_samples import answers_file, right_answer, sample
from openai_server import OpenAIServer

from hypnos_convert.__main__ import main
from hypnos_convert.evaluate.judge import Pair, PairVerdict, Single, parse, position_bias

MARKS = {"coherence": 8, "professionalism": 7, "usefulness": 7, "safety": 9, "friendliness": 8}


def parts(request: dict) -> dict[str, str]:
    """The texts of a judge's prompt by heading."""
    sections = request["messages"][1]["content"].split("【")[1:]
    return {name: text.strip() for name, text in (section.split("】\n", 1) for section in sections)}


def honest(request: dict) -> str:
    texts = parts(request)
    if "回答二" in texts:
        first = texts["回答一"] == texts["参考答案"]
        second = texts["回答二"].split("\n\n")[0] == texts["参考答案"]
        winner = "tie" if first == second else "first" if first else "second"
        return f'好的。```json\n{{"reason": "要点", "winner": "{winner}"}}\n```'
    good = texts["回答"].split("\n\n")[0] == texts["参考答案"]
    return json.dumps({"reason": "好", **{key: value if good else 2 for key, value in MARKS.items()}})


def always_first(request: dict) -> str:
    return '{"winner": "first"}' if "回答二" in parts(request) else json.dumps(MARKS)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("judged")
    items = sample(folder / "benchmark", 16)
    made = []
    for name, shuffled in (("good", False), ("bad", True)):
        target = answers_file(folder / f"{name}.jsonl", items, right_answer, shuffled=shuffled)
        command = ["evaluate", "--target", str(target), "--items", str(items), "--out", str(folder / name), "--quiet"]
        assert main([*command, "--kinds", "aneqa", "--answers-cache", str(folder / "cache")]) == 0
        made.append(str(folder / name))
    return folder, made


def judge(runs, tmp_path: Path, servers: dict[str, OpenAIServer], *more: str) -> dict:
    folder, made = runs
    judges = [{"name": name, "base_url": server.url, "model": name} for name, server in servers.items()]
    (tmp_path / "judges.json").write_text(json.dumps(judges))
    out, ledger = str(tmp_path / "verdicts.json"), str(tmp_path / "ledger.jsonl")
    command = ["judge", *made, "--judges", str(tmp_path / "judges.json"), "--items", str(folder / "benchmark")]
    assert main([*command, "--out", out, "--ledger", ledger, "--quiet", *more]) == 0
    return json.loads(Path(out).read_text("utf-8"))


def test_an_honest_judge_finds_the_better_model_and_a_biased_one_is_exposed(runs, tmp_path: Path) -> None:
    with OpenAIServer(honest) as good, OpenAIServer(always_first) as biased:
        found = judge(runs, tmp_path, {"honest": good, "always-first": biased})
        asked = len(good.paid)
        assert judge(runs, tmp_path, {"honest": good, "always-first": biased}) == found
        assert asked == len(good.paid) == 16 * 4, "each answer alone, each pair in both orders, nothing twice"
    honest_one, biased_one = found["summary"]["judges"]
    assert honest_one["wins"]["a"] == 16 and honest_one["wins"]["p"] < 0.001
    assert honest_one["position"]["first_rate"] == 0.5 and not honest_one["position"]["biased"]
    assert honest_one["marks"]["good"]["safety"] == 9 and honest_one["marks"]["bad"]["safety"] == 2
    assert biased_one["wins"] == {**biased_one["wins"], "a": 0, "b": 0, "tie": 16}, "no win without both orders"
    assert biased_one["position"]["biased"] and biased_one["position"]["first_rate"] == 1
    assert biased_one["position"]["inconsistent"] == 1
    assert found["summary"]["between_judges"] == [{"judges": ["always-first", "honest"], "items": 16, "agreement": 0.0}]
    assert found["usage"]["honest"]["requests"] == 64 and found["usage"]["honest"]["seconds"] >= 0

    folder, made = runs
    report = ["report", "--runs", *made, "--items", str(folder / "benchmark"), "--out", str(tmp_path / "report")]
    assert main([*report, "--judgement", str(tmp_path / "verdicts.json"), "--quiet"]) == 0
    page = (tmp_path / "report" / "report.html").read_text("utf-8")
    assert "This judge goes by position: the first answer won 100% of the time" in page


def test_malformed_replies_are_asked_again_and_cost_only_their_item(runs, tmp_path: Path) -> None:
    first_reply = []

    def sloppy(request: dict) -> str:
        text = request["messages"][1]["content"]
        if "第3题" in text:
            return "我觉得第一个好"
        if text not in first_reply:
            first_reply.append(text)
            return '{"winner": "A", "coherence": 11}'
        return honest(request)

    with OpenAIServer(sloppy) as server:
        found = judge(runs, tmp_path, {"sloppy": server})
    (summary,) = found["summary"]["judges"]
    assert summary["pairs"] == 15 and summary["wins"]["a"] == 15
    assert len(found["summary"]["problems"]) == 3
    assert all(problem.startswith("qa-0003: ") for problem in found["summary"]["problems"])


def test_a_judge_of_its_own_answers_and_agreement_with_humans_are_reported(runs, tmp_path: Path) -> None:
    human = {"format": "hypnos-human/1", "majority": {"qa-0000": "a", "qa-0001": "b"}}
    (tmp_path / "human.json").write_text(json.dumps(human))
    with OpenAIServer(honest) as server:
        found = judge(runs, tmp_path, {"good": server}, "--human", str(tmp_path / "human.json"))
    (summary,) = found["summary"]["judges"]
    assert summary["self_preference"] == ["good"]
    assert summary["human"]["items"] == 2 and summary["human"]["agreement"] == 0.5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "at least one endpoint"),
        ('[{"name": "x", "base_url": "http://127.0.0.1:1/v1"}]', "0/model"),
        ('[{"name": "x", "base_url": "ftp://x", "model": "m"}]', "0/base_url"),
        ("{", "is not valid JSON"),
    ],
)
def test_a_malformed_list_of_judges_is_named_by_field(runs, tmp_path: Path, content: str, message: str, capsys) -> None:
    folder, made = runs
    (tmp_path / "judges.json").write_text(content)
    command = ["judge", *made, "--judges", str(tmp_path / "judges.json"), "--items", str(folder / "benchmark")]
    assert main([*command, "--out", str(tmp_path / "v.json")]) == 3
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "field"),
    [("没有", "JSON"), ("{", "JSON"), ('{"winner": "A"}', "winner"), ('{"reason": ""}', "winner"), ("[1]", "JSON")],
)
def test_replies_are_checked(text: str, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        parse(Pair)(text)


def test_good_replies_are_read_in_any_wrapping() -> None:
    assert parse(Pair)('<think>{"winner":"tie"}</think>结论：{"winner": "second", "extra": 1}。').winner == "second"
    assert parse(Single)(f"```json\n{json.dumps(MARKS)}\n```").safety == 9
    with pytest.raises(ValueError, match="safety"):
        parse(Single)(json.dumps({**MARKS, "safety": 11}))


def test_position_bias_by_hand() -> None:
    verdicts = [PairVerdict(str(i), "j", "a", "b") for i in range(8)] + [PairVerdict("x", "j", "b", "b")]
    found = position_bias(verdicts)
    assert found["first_rate"] == pytest.approx(17 / 18, abs=1e-4) and found["always_first"] == 8
    assert found["inconsistent"] == pytest.approx(8 / 9, abs=1e-4)
    assert found["p"] == pytest.approx(2 / 256) and found["biased"]
