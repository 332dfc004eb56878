"""Known answers of every metric, agreement with the reference libraries, and the strange texts that models write."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.translate.gleu_score import sentence_gleu
from rouge_chinese import Rouge as ReferenceRougeChinese
from rouge_score import rouge_scorer
from rouge_score.tokenizers import Tokenizer
from sacrebleu.metrics import BLEU

from hypnos_convert.evaluate.metrics import FAMILIES, Answer
from hypnos_convert.evaluate.metrics.base import Family
from hypnos_convert.evaluate.metrics.choice import ChoiceAccuracy, chance, parse
from hypnos_convert.evaluate.metrics.degenerate import is_degenerate
from hypnos_convert.evaluate.metrics.distinct import distinct
from hypnos_convert.evaluate.metrics.keypoints import find
from hypnos_convert.evaluate.metrics.reading import Reading
from hypnos_convert.evaluate.metrics.rouge import common_subsequence
from hypnos_convert.evaluate.statistics import estimates
from hypnos_convert.evaluate.text import answer_text, characters, fold, jieba_words, wording

REFERENCE = "恶性高热首选丹曲林，首剂 2.5 mg/kg 静脉注射，同时停用挥发性麻醉药。"
VARIANT = "恶性高热应立即停用挥发性麻醉药，静脉注射丹曲林 2.5 mg/kg。"
TEXTS = {
    "identical": REFERENCE,
    "variant": VARIANT,
    "empty": "",
    "blank": " \n ",
    "latin": "Dantrolene 2.5 mg/kg IV, stop volatile agents.",
    "mixed": "首选 dantrolene（丹曲林）2.5mg/kg；MH crisis 时 call for help",
    "punctuation": "。。。！？",
    "repeated": "丹曲林" * 40,
    "emoji": "😀👨‍👩‍👧 丹曲林\u200b",
    "very long": (REFERENCE + VARIANT) * 150,
}


def item(reference: str = REFERENCE) -> dict:
    return {
        "reference": reference,
        "key_points": [
            {"text": "丹曲林", "weight": 3, "patterns": ["丹曲林", "dantrolene"]},
            {"text": "首剂量", "weight": 1, "patterns": ["2.5mg/kg"]},
            {"text": "停药", "weight": 2, "patterns": ["停用*麻醉药", "停吸入"]},
        ],
        "forbidden": [{"text": "维拉帕米", "patterns": ["给予维拉帕米", "维拉帕米"]}],
    }


def scores(family: Family, *pairs: tuple[str, str]) -> dict[str, float]:
    rows = np.array([family.observe(item(reference), Answer(text)) for text, reference in pairs])
    values = family.combine(rows.sum(axis=0, keepdims=True), np.array([len(rows)]))[0]
    return {measure.key: value for measure, value in zip(family.measures, values, strict=True)}


def family(name: str) -> Family:
    return next(family for family in FAMILIES["aneqa"] if family.name == name)


# --- agreement with the libraries -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TEXTS)
def test_bleu_is_sacrebleus(name: str) -> None:
    pairs = [(TEXTS[name], REFERENCE), (VARIANT, REFERENCE), ("", REFERENCE)]
    ours = scores(family("bleu"), *pairs)
    for order in range(1, 5):
        theirs = BLEU(tokenize="zh", max_ngram_order=order).corpus_score(
            [text for text, _ in pairs], [[reference for _, reference in pairs]]
        )
        assert ours[f"bleu_{order}"] == pytest.approx(theirs.score, abs=1e-9)


@given(
    st.lists(
        st.tuples(st.text("丹曲林ab 。1", max_size=12), st.text("丹曲林ab 。1", min_size=1)), min_size=1, max_size=4
    )
)
def test_bleu_of_any_texts_is_sacrebleus(pairs: list[tuple[str, str]]) -> None:
    ours = scores(family("bleu"), *pairs)
    for order in (1, 2, 4):
        bleu = BLEU(tokenize="zh", max_ngram_order=order)
        theirs = bleu.corpus_score([answer_text(text) for text, _ in pairs], [[reference for _, reference in pairs]])
        assert ours[f"bleu_{order}"] == pytest.approx(theirs.score, abs=1e-9)


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "very long"])
@pytest.mark.parametrize(("kind", "tokenize"), [("char", characters), ("jieba", jieba_words)])
def test_rouge_is_rouge_scores(name: str, kind: str, tokenize) -> None:
    class Split(Tokenizer):
        def tokenize(self, text: str) -> list[str]:
            return tokenize(text)

    theirs = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=Split()).score(REFERENCE, TEXTS[name])
    ours = scores(family(f"rouge_{kind}"), (TEXTS[name], REFERENCE))
    for which, key in (("rouge1", "1"), ("rouge2", "2"), ("rougeL", "l")):
        assert ours[f"rouge_{key}_{kind}"] == pytest.approx(100 * theirs[which].fmeasure, abs=1e-9)


@pytest.mark.parametrize("name", ["identical", "variant", "latin", "mixed", "punctuation", "repeated"])
def test_the_compatibility_column_is_rouge_chineses(name: str) -> None:
    theirs = ReferenceRougeChinese().get_scores(" ".join(jieba_words(TEXTS[name])), " ".join(jieba_words(REFERENCE)))[0]
    ours = scores(family("rouge_chinese"), (TEXTS[name], REFERENCE))
    for key in ("1", "2", "l"):
        # The library adds 1e-8 to a denominator.
        assert ours[f"rouge_{key}_compat"] == pytest.approx(100 * theirs[f"rouge-{key}"]["f"], abs=1e-5)


@given(st.text("abc", max_size=30), st.text("abc", max_size=30))
def test_common_subsequence_is_the_longest(a: str, b: str) -> None:
    table = np.zeros((len(a) + 1, len(b) + 1), int)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1, j + 1] = table[i, j] + 1 if x == y else max(table[i, j + 1], table[i + 1, j])
    assert common_subsequence(a, b) == table[len(a), len(b)]


def test_gleu_is_nltks_mean() -> None:
    ours = scores(family("gleu"), (VARIANT, REFERENCE), ("", REFERENCE))["gleu"]
    theirs = sentence_gleu([characters(REFERENCE)], characters(VARIANT))
    assert ours == pytest.approx(100 * theirs / 2)


# --- known answers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [REFERENCE, "丹曲林首剂量", "Dantrolene 2.5 mg per kg IV", "给予 dantrolene 治疗"])
def test_an_identical_answer_has_full_marks(text: str) -> None:
    for name in ("bleu", "gleu", "rouge_char", "rouge_jieba", "rouge_chinese"):
        values = scores(family(name), (text, text))
        assert all(value == pytest.approx(100, abs=1e-4) for value in values.values()), (name, values)


@pytest.mark.parametrize("text", ["", "  \n", "<think>丹曲林 2.5 mg/kg</think>"])
def test_an_empty_answer_has_nothing(text: str) -> None:
    for name in ("key_points", "bleu", "gleu", "rouge_char", "rouge_jieba", "rouge_chinese", "distinct"):
        values = scores(family(name), (text, REFERENCE))
        assert set(values.values()) == {0}, name


@pytest.mark.parametrize("name", TEXTS)
def test_every_number_is_finite_and_in_range(name: str) -> None:
    for each in FAMILIES["aneqa"]:
        for measure, value in zip(each.measures, scores(each, (TEXTS[name], REFERENCE)).values(), strict=True):
            assert np.isfinite(value) and value >= 0
            assert measure.unit != "percent" or value <= 100 + 1e-6, measure.key


def test_bleu_by_hand() -> None:
    # 4 of 5 characters match, 3 of 4 pairs; the answer is one character short: exp(1 - 6/5).
    values = scores(family("bleu"), ("一二三四七", "一二三四五六"))
    assert values["bleu_1"] == pytest.approx(100 * np.exp(-0.2) * 0.8)
    assert values["bleu_2"] == pytest.approx(100 * np.exp(-0.2) * np.sqrt(0.8 * 0.75))


def test_rouge_by_hand() -> None:
    values = scores(family("rouge_char"), ("一三二", "一二三四"))
    assert values["rouge_1_char"] == pytest.approx(100 * 2 * 1 * 0.75 / 1.75)
    assert values["rouge_2_char"] == 0
    assert values["rouge_l_char"] == pytest.approx(100 * 2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))


def test_repetition_is_punished_except_in_the_compatibility_column() -> None:
    repeated, once = "好 好 好 好", "好"
    assert scores(family("rouge_char"), (repeated, once))["rouge_1_char"] == pytest.approx(40)
    assert scores(family("rouge_chinese"), (repeated, once))["rouge_1_compat"] == pytest.approx(100, abs=1e-5)


def test_distinct_by_hand() -> None:
    assert distinct(list("好好好好"), 1) == 25
    assert distinct(list("好好好好"), 2) == pytest.approx(100 / 3)
    assert distinct(list("好"), 2) == 0


def test_key_points_by_weight_and_forbidden_statements() -> None:
    assert scores(family("key_points"), ("静注丹曲林 2.5 mg／kg", REFERENCE))["key_point_recall"] == pytest.approx(
        400 / 6
    )
    assert find(item(), "停用所有挥发性麻醉药").stated == (2,)
    assert find(item(), "可给予维拉帕米").forbidden == (0,)
    assert find(item(), "不应给予维拉帕米。禁用维拉帕米").forbidden == ()
    assert find(item(), "不要犹豫。维拉帕米有效").forbidden == (0,), "a negation ends with its sentence"


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("2mg", "12 mg", False),
        ("2 mg", "２ ｍｇ/kg", True),
        ("2mg", "0.2mg", False),
        ("1.5-2.5mg/kg", "1.5～2.5 mg/kg", True),
        ("1.5-2.5 mg/kg", "1.5至2.5mg/kg", True),
        ("50μg", "50 µg", True),
        ("50μg", "50 ug", True),
        ("NO", "nonopioid", False),
        ("NO", "吸入 NO 治疗", True),
        ("呼气末*升高", "呼气末二氧化碳持续升高", True),
        ("呼气末*升高", "呼气末正压。血压升高", False),
        ("气道压力,升高", "气道压力升高", True),
        ("<90", "SpO₂ <90%", True),
        ("90", "SpO2 190", False),
    ],
)
def test_wordings(pattern: str, text: str, found: bool) -> None:
    assert bool(wording(pattern).search(fold(text))) is found


@pytest.mark.parametrize(
    ("text", "letters", "status"),
    [
        ("B", "B", "answered"),
        ("B.", "B", "answered"),
        ("（Ｂ）丹曲林", "B", "answered"),
        ("答案：B。丹曲林抑制肌浆网释放钙。", "B", "answered"),
        ("**答案**：B", "B", "answered"),
        ("正确答案是 B", "B", "answered"),
        ("A不对，C也不对，故选B。", "B", "answered"),
        ("不选A，应选B", "B", "answered"),
        ("先排除A。答案选C。更正：答案为B", "B", "answered"),
        ('{"answer": "B"}', "B", "answered"),
        ("The answer is B", "B", "answered"),
        ("<think>可能是A？</think>B", "B", "answered"),
        ("应当使用丹曲林。", "B", "answered"),
        ("维生素K缺乏", "", "none"),
        ("", "", "none"),
        ("很高兴为您服务", "", "none"),
        ("抱歉，我无法回答这个问题。", "", "refused"),
        ("作为AI，无法确定，A和B都可能，请咨询医生", "", "refused"),
        ("AB", "AB", "several"),
        ("答案：A、B", "AB", "several"),
        ("A型血患者", "", "none"),
        ("不应选A", "", "none"),
        ("答案不是A", "", "none"),
        ("不能选 A 或 C", "", "none"),
        ("排除A、C，选B", "B", "answered"),
        ("正确选项是B。", "B", "answered"),
        ("A和B都错，C对", "ABC", "several"),
    ],
)
def test_choices_are_read_off_text(text: str, letters: str, status: str) -> None:
    options = {"A": "维拉帕米", "B": "丹曲林", "C": "利多卡因", "D": "地塞米松"}
    choice = parse(text, options, single=True)
    assert ("".join(choice.letters), choice.status) == (letters, status)


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("ABD", "ABD"),
        ("A、B、D", "ABD"),
        ("答案：A，B 和 D。", "ABD"),
        ("答案为 ABD", "ABD"),
        ('{"answer":["A","D"]}', "AD"),
    ],
)
def test_several_letters(text: str, letters: str) -> None:
    options = dict.fromkeys("ABCDE", "甲")
    assert "".join(parse(text, options, single=False).letters) == letters


def question(answer: str, kind: str = "single") -> dict:
    return {"type": kind, "options": {"A": "甲", "B": "乙", "C": "丙", "D": "丁"}, "answer": list(answer)}


def choice_scores(pairs: list[tuple[dict, Answer]]) -> dict[str, float]:
    family = ChoiceAccuracy()
    rows = np.array([family.observe(item, answer) for item, answer in pairs])
    values = family.combine(rows.sum(axis=0, keepdims=True), np.array([len(rows)]))[0]
    return dict(zip((measure.key for measure in family.measures), values, strict=True))


def test_choice_scores_by_hand() -> None:
    values = choice_scores(
        [
            (question("A"), Answer("A", letters={"A": -1, "B": -2})),
            (question("B"), Answer("A", letters={"A": -3, "B": -2})),
            (question("C"), Answer("抱歉，无法回答")),
            (question("AB", "multiple"), Answer("ABC")),
            (question("AB", "multiple"), Answer("BA")),
        ]
    )
    assert values["accuracy"] == pytest.approx(40)
    assert values["accuracy_single"] == pytest.approx(100 / 3)
    assert values["accuracy_multiple"] == pytest.approx(50)
    assert values["multiple_f1"] == pytest.approx(90)
    assert values["accuracy_likelihood"] == pytest.approx(100)
    assert values["refused"] == pytest.approx(20)
    assert values["favourite_letter"] == pytest.approx(100)
    assert values["chance"] == pytest.approx(100 * (3 / 4 + 2 / 11) / 5)


def test_always_a_is_at_chance() -> None:
    values = choice_scores([(question(letter), Answer("A")) for letter in "ABCD" * 25])
    assert values["accuracy"] == values["chance"] == pytest.approx(25)
    assert values["chance_corrected"] == pytest.approx(0)
    assert values["favourite_letter"] == pytest.approx(100)


def test_the_most_frequent_letter_lies_within_its_own_interval() -> None:
    keys = "ABCD" * 20 + "A"
    for written in keys, keys[::-1], "BCDA" * 20 + "C":
        pairs = [(question(key), Answer(letter, "stop")) for key, letter in zip(keys, written, strict=True)]
        rows = np.array([ChoiceAccuracy().observe(*pair) for pair in pairs])
        found = dict(
            zip((m.key for m in ChoiceAccuracy.measures), estimates(rows, ChoiceAccuracy().combine), strict=True)
        )
        for name in "best_constant", "favourite_letter":
            assert found[name].low <= found[name].value <= found[name].high, name
            assert found[name].value == pytest.approx(100 * 21 / 81)


def test_likelihood_is_missing_and_not_zero_where_a_target_does_not_tell() -> None:
    assert np.isnan(choice_scores([(question("A"), Answer("A"))])["accuracy_likelihood"])
    assert chance(question("AB", "multiple")) == pytest.approx(1 / 11)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.5 mg/kg", (100, 100, 100)),
        ("２.５mg/kg。", (100, 100, 100)),
        ("首剂是2.5 mg/kg静脉注射", (0, 100 * 2 * 3 / (3 + 10), 100)),
        ("", (0, 0, 0)),
        ("12.5 mg/kg", (0, 100 * 2 * 2 / 6, 0)),
        ("丹曲林", (0, 0, 0)),
    ],
)
def test_reading(text: str, expected: tuple[float, float, float]) -> None:
    row = Reading().observe(
        {"answers": [{"text": "2.5 mg/kg", "start": 0}, {"text": "十二", "start": 1}]}, Answer(text)
    )
    assert row == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("<think>没有结论", True),
        ("丹曲林" * 20, True),
        ("首先要停药。然后要停药。" * 6, True),
        ("a quick brown fox jumps over the lazy dog", True),
        (REFERENCE, False),
        (
            VARIANT + REFERENCE + "监测体温、血钾、肌酸激酶与尿量，联系恶性高热热线并准备转入重症监护病房继续治疗。",
            False,
        ),
        ("| 药物 | 剂量 |\n|-----------|----------|\n| 丙泊酚 | 2 mg/kg |", False),
        ("2 mg/kg", False),
    ],
)
def test_degenerate(text: str, expected: bool) -> None:
    assert is_degenerate(text) is expected


def test_every_measure_has_a_signature_and_a_key_of_its_own() -> None:
    for families in FAMILIES.values():
        measures = [measure for family in families for measure in family.measures]
        assert len({measure.key for measure in measures}) == len(measures)
        assert all(0 < len(measure.signature) <= 400 and ":" in measure.signature for measure in measures[:-2])
