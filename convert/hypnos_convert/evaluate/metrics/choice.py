"""Accuracy on choice questions: by parsing what was written, and by the likelihood of the letters.

Every question counts. A refusal, an answer without a letter, and several letters for a single-answer question are
wrong, and are reported beside the accuracy. ``chance`` is what a uniform guess over the possible answers would reach.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..text import answer_text, fold
from .base import LETTERS, Answer, Family, Measure, ratio

_GROUP = r"([A-H](?:[\s、,和与及或/+&]*[A-H])*)(?![A-Za-z0-9])"
_QUOTE = r"[\s\"'“”‘’《》「」\[(【{*:]*"
_STATED = re.compile(
    rf"(?<!错误)(?:正确)?答案(?:选项)?(?:应该|应当|应)?(?:是|为|选|选择)?{_QUOTE}(?:选项)?{_QUOTE}{_GROUP}"
    rf"|(?<![不勿别未排])(?:故选|应选|选择|选项为|选项是|选)(?:的是|出|项|答案)?{_QUOTE}{_GROUP}"
    rf"|\b(?:ANSWER|CORRECT OPTION)\b[^A-Z\n]{{0,6}}(?:IS\b)?{_QUOTE}{_GROUP}"
)
_JSON = re.compile(r"\"(?:ANSWER|答案)\"\s*:\s*(\[[^\]]*\]|\"[^\"]*\")")
_LEADING = re.compile(rf"^[\s\"'“(\[【*#]*(?:选项)?{_GROUP}(?=$|[\s\"'”)\]】*.。,、:;]|是|项|正确)")
_ALONE = re.compile(r"(?<![A-Za-z0-9])([A-H])(?![A-Za-z0-9型级类超型波点])")
_REFUSAL = re.compile(
    r"抱歉|对不起|无法(?:回答|确定|判断|提供|作答)|不能(?:回答|提供|给出)|不便回答|不(?:知道|清楚|确定)"
    r"|超出(?:了)?我的(?:能力|范围|知识)|请咨询|CANNOT|CAN'T|UNABLE|SORRY|AS AN AI"
)
_RULED_OUT = re.compile(
    rf"(?:不|勿|别)(?:应该|应当|应|能|可|该|会)?(?:选择|选|是|为){_QUOTE}{_GROUP}|排除{_QUOTE}{_GROUP}"
)
"""Options that an answer turns down: they are taken out before anything is looked for."""

Status = Literal["answered", "refused", "none", "several"]


@dataclass(frozen=True)
class Choice:
    """What was understood: the letters, and ``refused``, ``none`` or ``several`` where they cannot be the answer."""

    letters: tuple[str, ...]
    status: Status


def parse(text: str, options: Mapping[str, str], *, single: bool) -> Choice:
    """Read the chosen letters off generated text.

    In this order: JSON, the last of the phrases such as 答案是 or 故选, letters at the start, letters that stand
    alone, and the text of exactly one option.
    """
    text = _RULED_OUT.sub("", unicodedata.normalize("NFKC", answer_text(text)).upper())
    found = _by_json(text) or _by_phrase(text) or _by_start(text)
    refused = bool(_REFUSAL.search(text))
    if not found and not refused:
        found = sorted(set(_ALONE.findall(text))) or _by_option(text, options)
    letters = tuple(letter for letter in LETTERS if letter in found and letter in options)
    if not letters:
        return Choice((), "refused" if refused else "none")
    return Choice(letters, "several" if single and len(letters) > 1 else "answered")


def _by_json(text: str) -> list[str]:
    values = _JSON.findall(text)
    return re.findall("[A-H]", values[-1]) if values else []


def _by_phrase(text: str) -> list[str]:
    groups = [next(group for group in match.groups() if group) for match in _STATED.finditer(text)]
    return re.findall("[A-H]", groups[-1]) if groups else []


def _by_start(text: str) -> list[str]:
    match = _LEADING.search(text)
    return re.findall("[A-H]", match[1]) if match else []


def _by_option(text: str, options: Mapping[str, str]) -> list[str]:
    folded = fold(text)
    found = {letter: fold(option) for letter, option in options.items() if fold(option) and fold(option) in folded}
    # An option inside another that was written too (低血压, 严重低血压) was not chosen by itself.
    longest = [a for a, text_a in found.items() if not any(text_a in text_b for b, text_b in found.items() if b != a)]
    return longest if len(longest) == 1 else []


def chance(item: Mapping[str, Any]) -> float:
    """Probability that a uniform guess is right: one of the options, or any set of two or more of them."""
    options = len(item["options"])
    return 1 / options if item["type"] == "single" else 1 / (2**options - options - 1)


class ChoiceAccuracy(Family):
    """Row: right, chance, refused, no answer, several; single-answer right, of how many; multiple-answer right, of how
    many; F1 of the letters on multiple-answer ones; right by likelihood, of how many; then how often each letter A-H
    was written for single-answer questions, and how often it was right."""

    name = "choice"
    width = 28
    measures = tuple(
        Measure(key, zh, en, f"{how}|hypnos:1", better=better)
        for key, zh, en, how, better in (
            ("accuracy", "正确率", "Accuracy", "generated text, parsed|exact set|all items", "higher"),
            ("chance", "随机猜测的正确率", "Accuracy of a uniform guess", "1/options or 1/sets", "none"),
            (
                "chance_corrected",
                "校正随机后的正确率",
                "Chance-corrected accuracy",
                "(acc-chance)/(1-chance)",
                "higher",
            ),
            ("accuracy_single", "单选题正确率", "Accuracy, single answer", "generated text, parsed", "higher"),
            ("accuracy_multiple", "多选题正确率", "Accuracy, multiple answers", "generated text, exact set", "higher"),
            ("multiple_f1", "多选题字母F1", "Letter F1, multiple answers", "mean over items", "higher"),
            (
                "accuracy_likelihood",
                "单选题正确率（按概率）",
                "Accuracy by likelihood, single answer",
                "most likely letter as next token|single-answer items with probabilities",
                "higher",
            ),
            ("refused", "拒答", "Refused", "wording|all items", "lower"),
            ("no_answer", "无答案", "No answer found", "all items", "lower"),
            ("several", "单选题多答", "Several letters for one answer", "single-answer items", "lower"),
            (
                "favourite_letter",
                "最常选字母的占比",
                "Share of the most frequent letter",
                "single-answer items answered|1/options where unbiased",
                "lower",
            ),
            (
                "best_constant",
                "固定选同一字母的最高正确率",
                "Accuracy of the best single letter",
                "single-answer items",
                "none",
            ),
        )
    )

    def observe(self, item: Mapping[str, Any], answer: Answer) -> list[float]:
        single = item["type"] == "single"
        choice = parse(answer.text, item["options"], single=single)
        right = set(item["answer"])
        correct = choice.status == "answered" and set(choice.letters) == right
        overlap = 2 * len(right & set(choice.letters)) / (len(right) + len(choice.letters))
        likely = max(answer.letters, key=answer.letters.__getitem__) if single and answer.letters else None
        return [
            float(correct),
            chance(item),
            float(choice.status == "refused"),
            float(choice.status == "none"),
            float(choice.status == "several"),
            float(correct and single),
            float(single),
            float(correct and not single),
            float(not single),
            0.0 if single else overlap,
            float(likely in right),
            float(likely is not None),
            *(float(single and choice.letters == (letter,)) for letter in LETTERS),
            *(float(single and letter in right) for letter in LETTERS),
        ]

    def combine(self, sums: np.ndarray, counts: np.ndarray) -> np.ndarray:
        n = np.maximum(counts, 1)
        right, guess, single, multiple = sums[:, 0] / n, sums[:, 1] / n, sums[:, 6], sums[:, 8]
        written, keys = sums[:, 12:20], sums[:, 20:28]
        # Of all rows together: the greatest of each resample would lie above the value, and its interval with it.
        favourite, constant = written.sum(axis=0).argmax(), keys.sum(axis=0).argmax()
        columns = [
            right,
            guess,
            ratio(right - guess, 1 - guess),
            ratio(sums[:, 5], single),
            ratio(sums[:, 7], multiple),
            ratio(sums[:, 9], multiple),
            np.where(sums[:, 11] > 0, ratio(sums[:, 10], sums[:, 11]), np.nan),
            sums[:, 2] / n,
            sums[:, 3] / n,
            ratio(sums[:, 4], single),
            ratio(written[:, favourite], written.sum(axis=1)),
            ratio(keys[:, constant], single),
        ]
        for index, of in ((3, single), (4, multiple), (5, multiple), (10, written.sum(axis=1)), (11, single)):
            columns[index] = np.where(of > 0, columns[index], np.nan)
        return 100 * np.stack(columns, axis=1)
