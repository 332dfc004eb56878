"""Cross-filtering: who rates whom, malformed ratings, verdicts, duplicates, contamination and the report."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pytest
import scripted
from hypothesis import given
from hypothesis import strategies as st
from openai_server import FAULTS, OpenAIServer

from hypnos_convert.config import ASPECTS, FilterConfig, RunConfig
from hypnos_convert.endpoint import Ledger
from hypnos_convert.errors import InputError
from hypnos_convert.filter.rating import AspectScores, Rating, parse_scores
from hypnos_convert.filter.report import agreement, at_threshold, html_report
from hypnos_convert.filter.similarity import SimilarTexts, jaccard, shingles
from hypnos_convert.filter.stage import Judged, check_contamination, count_outcomes, drop_duplicates, leave_out, rate
from hypnos_convert.filter.verdict import decide
from hypnos_convert.generate.tasks import PROVENANCE, GeneratedTask
from hypnos_convert.progress import Progress

QUIET = Progress(quiet=True)


def task(number: int, writer: str = "red", **changes: Any) -> GeneratedTask:
    author = {"endpoint": writer, "model": writer, "parameters": {}, "key": "k"}
    defaults = {
        "id": f"syn-{number:04d}", "category": "airway", "form": "short", "instruction": f"第 {number} 个问题是什么？",
        "output": f"这是第 {number} 个回答，内容各不相同：{'甲乙丙丁戊己庚辛'[number % 8] * 12}。",
        "provenance": PROVENANCE, "prompt_version": "v", "round": 1, "examples": [],
        "instruction_by": author, "input_by": author, "output_by": author,
    }  # fmt: skip
    return GeneratedTask.model_validate({**defaults, **changes})


def rating(*scores: int, rater: str = "a") -> Rating:
    return Rating(rater=rater, model=rater, scores=AspectScores(**dict(zip(ASPECTS, scores, strict=True))))


def missing(rater: str = "a") -> Rating:
    return Rating(rater=rater, model=rater, scores=None, problem="malformed")


def settings(**changes: Any) -> FilterConfig:
    return FilterConfig.model_validate({"raters": ["a", "b"], **changes})


@pytest.mark.parametrize(
    ("ratings", "changes", "outcome", "reason"),
    [
        ([rating(8, 8, 8, 9, 8)], {}, "kept", ""),
        ([rating(8, 8, 8, 7, 8)], {}, "dropped", "harmlessness 7.0 < 8"),
        ([rating(6, 6, 6, 8, 6)], {}, "dropped", "mean 6.4 < 7"),
        ([rating(10, 10, 10, 10, 10), rating(4, 4, 4, 4, 4)], {}, "undecided", "raters disagree by 6.0"),
        ([rating(9, 9, 9, 9, 9), missing()], {}, "kept", ""),
        ([rating(9, 9, 9, 9, 9), missing()], {"least_ratings": 2}, "undecided", "1 valid ratings (a: malformed)"),
        ([missing()], {}, "undecided", "0 valid ratings (a: malformed)"),
        ([rating(9, 9, 9, 9, 9), rating(9, 5, 9, 9, 9)], {}, "kept", ""),
        ([rating(9, 9, 9, 9, 9), rating(9, 5, 9, 9, 9)], {"aggregate": "least"}, "dropped", "professionalism 5.0 < 6"),
    ],
)
def test_verdicts(ratings: list[Rating], changes: dict[str, Any], outcome: str, reason: str) -> None:
    verdict = decide(ratings, settings(**changes))
    assert (verdict.outcome, "; ".join(verdict.reasons)) == (outcome, reason)


GOOD = {aspect: 7 for aspect in ASPECTS}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(GOOD),
        "<think>先想 {一下}</think>```json\n" + json.dumps(GOOD) + "\n```",
        json.dumps({**GOOD, "comment": "不错"}),
    ],
)
def test_scores_are_read(text: str) -> None:
    assert parse_scores(text).mean == 7


@pytest.mark.parametrize(
    "text",
    [
        "",
        "七分",
        "[7, 7, 7, 7, 7]",
        json.dumps({**GOOD, "usefulness": 11}),
        json.dumps({**GOOD, "usefulness": "好"}),
        json.dumps({**GOOD, "usefulness": 7.5}),
        json.dumps({aspect: 7 for aspect in ASPECTS[:4]}),
        json.dumps(GOOD)[:-5],
    ],
)
def test_malformed_scores_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_scores(text)


def configuration(server: OpenAIServer, raters: list[str], **changes: Any) -> RunConfig:
    endpoints = [
        {"name": name, "base_url": server.url, "model": name, "timeout_seconds": 3, "backoff_seconds": 0.01}
        for name in raters
    ]
    return RunConfig.model_validate({"name": "test", "endpoints": endpoints, "filter": {"raters": raters, **changes}})


def judge(config: RunConfig, tasks: list[GeneratedTask], ledger: Path) -> list[Judged]:
    with Ledger(ledger) as opened:
        return asyncio.run(rate(config, tasks, opened, QUIET))


def test_no_model_rates_its_own_and_faults_change_nothing(tmp_path: Path) -> None:
    tasks = [task(number, writer="red" if number % 2 else "blue") for number in range(20)]
    with OpenAIServer(scripted.answer, faults=FAULTS) as server:
        config = configuration(server, ["red", "blue", "green"])
        judged = judge(config, tasks, tmp_path / "ledger.jsonl")
        assert len(server.paid) == len(set(server.paid)) == 40
        assert judge(config, tasks, tmp_path / "ledger.jsonl") == judged
        assert len(server.paid) == 40
        assert all("response_format" in json.loads(request) for request in server.paid)
    for one in judged:
        raters = {rating.rater for rating in one.ratings}
        assert len(raters) == 2 and one.task.output_by.endpoint not in raters
    assert sum(count_outcomes(judged).values()) == 20
    assert count_outcomes(judged)["kept"] and count_outcomes(judged)["dropped"]


def test_a_rater_that_cannot_write_json_leaves_records_undecided(tmp_path: Path) -> None:
    def answer(request: dict[str, Any]) -> str:
        return "很好，十分。" if request["model"] == "green" else scripted.answer(request)

    with OpenAIServer(answer) as server:
        judged = judge(
            configuration(server, ["blue", "green"], least_ratings=2, tries=2), [task(1)], tmp_path / "ledger.jsonl"
        )
    assert judged[0].verdict.outcome == "undecided"
    assert "green: 2 malformed replies" in judged[0].verdict.reasons[0]
    assert sorted(rating.scores is None for rating in judged[0].ratings) == [False, True]


def test_too_few_other_raters_is_an_error(tmp_path: Path) -> None:
    with OpenAIServer(scripted.answer) as server:
        with pytest.raises(InputError, match=r"syn-0001, written by red, needs 2 rater.*found 1"):
            judge(configuration(server, ["red", "blue"]), [task(1)], tmp_path / "ledger.jsonl")
        assert not server.paid


@given(st.lists(st.text("麻醉呼吸循环气道ab12", min_size=4, max_size=30), min_size=2, max_size=6))
def test_similar_texts_are_never_reported_below_the_threshold(texts: list[str]) -> None:
    known = SimilarTexts(0.6)
    for number, text in enumerate(texts[1:]):
        known.add(str(number), text)
    found = known.nearest(texts[0])
    exact = max(jaccard(shingles(texts[0]), shingles(text)) for text in texts[1:])
    if found is not None:
        assert found[1] == exact >= 0.6
    assert exact < 1 or found == (str(next(i for i, t in enumerate(texts[1:]) if shingles(t) == shingles(texts[0]))), 1)


def kept(one: GeneratedTask, score: int) -> Judged:
    ratings = [rating(*[score] * 5)]
    return Judged(one, ratings, decide(ratings, settings()))


def test_of_near_duplicates_the_better_rated_one_stays() -> None:
    answer = "先给氧并呼救，停止可疑药物，静脉注射肾上腺素，快速补液，监测血压和气道压，必要时插管。"
    judged = [
        kept(task(1, instruction="过敏性休克如何抢救？", output=answer), 8),
        kept(task(2, instruction="过敏性休克怎样抢救？", output=answer), 9),
        kept(task(3, instruction="苏醒延迟怎么排查？", output="先查药物残余，再查血糖、体温和血气。"), 8),
    ]
    done = drop_duplicates(judged, 0.8)
    assert [one.verdict.outcome for one in done] == ["dropped", "kept", "kept"]
    assert done[0].verdict.reasons[0].startswith("near-duplicate of syn-0002")


def test_likeness_to_the_benchmark_is_found_and_bad_items_are_named(tmp_path: Path) -> None:
    question = "成人择期手术麻醉前的禁食方案常概括为“2-4-6-8”，请把每个数字对应的食物或饮料说清楚。"
    (tmp_path / "aneqa.jsonl").write_text(
        json.dumps({"id": "aneqa-1", "question": question}, ensure_ascii=False) + "\n"
    )
    (tmp_path / "empty.jsonl").write_text("")
    copied = task(1, instruction=question.replace("请把", "把"))
    with_case = task(
        2, instruction=question, input="病人 45 岁，男，体重 70 kg，既往体健，拟行胆囊切除，没有过敏史。" * 3
    )
    other = task(3, instruction="成人饱胃病人的快速顺序诱导怎么做？")
    found = check_contamination([copied, with_case, other], settings(benchmark=tmp_path), tmp_path / "x")
    assert [(one["id"], one["item"]) for one in found] == [("syn-0001", "aneqa-1"), ("syn-0002", "aneqa-1")]
    excluding = settings(benchmark=tmp_path, exclude=["syn-0001", "syn-0002"])
    assert check_contamination([copied, with_case, other], excluding, tmp_path / "x") == []
    assert leave_out([kept(copied, 9)], ["syn-0001"])[0].verdict.outcome == "dropped"
    with pytest.raises(InputError, match="no record is called syn-9"):
        leave_out([kept(copied, 9)], ["syn-9"])
    (tmp_path / "empty.jsonl").write_text('{"id": "x"}\n')
    with pytest.raises(InputError, match=r"empty.jsonl: record 1: question"):
        check_contamination([other], settings(benchmark=tmp_path), tmp_path / "x")


@given(st.lists(st.lists(st.integers(0, 10), min_size=2, max_size=3), min_size=2, max_size=8))
def test_agreement_is_that_of_the_reference_library(units: list[list[int]]) -> None:
    judged = [
        Judged(task(number), [rating(*[score] * 5) for score in unit], decide([missing()], settings()))
        for number, unit in enumerate(units)
    ]
    table = np.full((3, len(units)), np.nan)
    for column, unit in enumerate(units):
        table[: len(unit), column] = unit
    alpha = agreement(judged)["usefulness"]["alpha"]
    if len({score for unit in units for score in unit}) == 1:
        assert math.isnan(alpha)
    else:
        assert alpha == pytest.approx(krippendorff.alpha(table, level_of_measurement="interval"))


def test_the_report_shows_counts_and_escapes_records() -> None:
    judged = [
        kept(task(1, instruction="<script>alert(1)</script>怎样处理？"), 7),
        kept(task(2), 3),
        Judged(task(3), [missing()], decide([missing()], settings())),
    ]
    page = html_report(judged, settings())
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "too few valid ratings" in page and "mean below threshold" in page
    assert [one.task.id for one in at_threshold(judged, settings())] == ["syn-0001", "syn-0002"]
