"""What is refused at once, each with a reason: repeated, too short or long, not Chinese, forbidden, personal data."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from rouge_score.rouge_scorer import RougeScorer

BUILT_IN_FORBIDDEN = (
    r"作为(?:一个|一名|一种)?(?:AI|人工智能|大?语言模型)",
    r"(?:上述|以上|前面)(?:的)?(?:示例|任务|例子)",
    r"https?://|www\.",
    r"请?(?:画|绘制|生成)(?:一张|一幅)?(?:图片|图像|视频)",
)
"""Talk about itself or the prompt, links, and what a text model cannot do."""

_PERSONAL = {
    "e-mail address": re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+"),
    "mobile number": re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)"),
    "landline number": re.compile(r"(?<!\d)0\d{2,3}-\d{7,8}(?!\d)"),
    "record number": re.compile(
        r"(?:住院|病案|病历|门诊|床位?|社保|医保|登记)(?:卡)?号\s*(?:码|为|是)?\s*[:：]?\s*[A-Z]?\d{3,}"
    ),
    "name": re.compile(r"(?:姓\s*名|病人姓名|患者姓名|联系人)\s*[:：]\s*[\u4e00-\u9fff]{2,4}"),
    "address": re.compile(r"(?:住址|家庭地址|现住址)\s*[:：]\s*\S{4,}"),
}
_IDENTITY = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_IDENTITY_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def personal_data(text: str) -> str | None:
    """The kind of personal data that a text seems to hold, or None.

    Identity numbers are recognised by their check digit (GB 11643).
    """
    for match in _IDENTITY.finditer(text):
        total = sum(int(digit) * weight for digit, weight in zip(match[0], _IDENTITY_WEIGHTS, strict=False))
        if "10X98765432"[total % 11] == match[0][17].upper():
            return "identity number"
    return next((kind for kind, pattern in _PERSONAL.items() if pattern.search(text)), None)


def han_share(text: str) -> float:
    """Share of Chinese characters among the letters of a text; 0 for a text without letters."""
    letters = [character for character in text if character.isalpha()]
    return sum("\u4e00" <= character <= "\u9fff" for character in letters) / len(letters) if letters else 0.0


class TextFilter:
    """Length, language, forbidden content and personal data.

    Args:
        han: least share of Chinese characters among letters.
        forbidden: regular expressions.
    """

    def __init__(self, han: float, forbidden: Iterable[str] = ()) -> None:
        self._han = han
        self._forbidden = [re.compile(pattern) for pattern in (*BUILT_IN_FORBIDDEN, *forbidden)]

    def reason(self, text: str, characters: tuple[int, int]) -> str | None:
        """Why a text is refused, or None; ``characters`` are the least and the most it may have."""
        least, most = characters
        if len(text) < least:
            return f"short: {len(text)} characters"
        if len(text) > most:
            return f"long: {len(text)} characters"
        if han_share(text) < self._han:
            return f"language: {han_share(text):.2f} Chinese"
        for pattern in self._forbidden:
            if match := pattern.search(text):
                return f"forbidden: {match[0]}"
        if kind := personal_data(text):
            return f"personal data: {kind}"
        return None


class _Characters:
    """Tokenizer for rouge-score, whose own drops all Chinese."""

    def tokenize(self, text: str) -> list[str]:
        return [character for character in text.lower() if character.isalnum()]


class Novelty:
    """Refuses instructions too like an earlier one: ROUGE-L F1 on letters and digits, as in Self-Instruct.

    The longest common subsequence is at most the overlap of characters, so only texts whose overlap allows the limit
    are compared; the result is the same as comparing with all.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._scorer = RougeScorer(["rougeL"], tokenizer=_Characters())
        self._texts: list[str] = []
        self._lengths: list[int] = []
        self._holders: defaultdict[tuple[str, int], list[int]] = defaultdict(list)

    def add(self, text: str) -> None:
        """Count a text among the earlier ones."""
        items = _occurrences(text)
        for item in items:
            self._holders[item].append(len(self._texts))
        self._texts.append(text)
        self._lengths.append(len(items))

    def nearest(self, text: str) -> tuple[float, str]:
        """Highest F1 at or above the limit, and the text that has it; (0, "") if there is none."""
        items = _occurrences(text)
        overlap: Counter[int] = Counter()
        for item in items:
            overlap.update(self._holders.get(item, ()))
        best = (0.0, "")
        for index, shared in overlap.items():
            bound = 2 * shared / (len(items) + self._lengths[index])
            if bound >= max(self._limit, best[0]):
                score = self._scorer.score(self._texts[index], text)["rougeL"].fmeasure
                if score >= self._limit and score > best[0]:
                    best = (score, self._texts[index])
        return best


def _occurrences(text: str) -> Sequence[tuple[str, int]]:
    """Each character with its running number, so that sets of these overlap as bags of characters do."""
    seen: Counter[str] = Counter()
    items = []
    for character in _Characters().tokenize(text):
        items.append((character, seen[character]))
        seen[character] += 1
    return items
