"""Chinese text as metrics see it: tokens, and a folded form in which wordings are compared."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

_THINKING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_SPACE = re.compile(r"\s+")
_SENTENCE_END = re.compile(r"[。！？!?；;\n\r]+")
_RANGE = re.compile(r"(?<=[0-9])\s*(?:~|～|—+|–|―|−|-|至|到)\s*(?=[0-9])")
_KEPT = frozenset("%/<>≤≥=+-±°")
_WORDS = re.compile(r"[a-z0-9]+(?:\.[0-9]+)?|[^\s.]")


def answer_text(text: str) -> str:
    """What a person would read of a model's output: without ``<think>`` passages, stripped."""
    return _THINKING.sub("", text).strip()


def characters(text: str) -> list[str]:
    """Every character that is not white space, as written."""
    return list(_SPACE.sub("", text))


@cache
def _jieba():
    import logging

    import jieba

    jieba.setLogLevel(logging.ERROR)
    # A tokenizer of its own: user dictionaries loaded elsewhere in the process must not change scores.
    tokenizer = jieba.Tokenizer()
    tokenizer.initialize()
    return tokenizer


def jieba_words(text: str) -> list[str]:
    """jieba's words (default dictionary, HMM on) without white space."""
    return [word for word in _jieba().lcut(text) if not word.isspace()]


def mixed_tokens(text: str) -> list[str]:
    """Folded text as single Chinese characters and whole Latin words or numbers, without punctuation."""
    return _WORDS.findall("".join(c if c.isalnum() or c == "." else " " for c in _nfkc(text)))


def letters_and_digits(text: str) -> str:
    """Folded text without white space and punctuation, in which copies are looked for."""
    return "".join(c for c in _nfkc(text) if c.isalnum())


@lru_cache(maxsize=1 << 15)
def fold(text: str) -> str:
    """The form in which wordings are compared.

    NFKC, lower case, one micro sign; ranges with a hyphen; no punctuation except what changes a quantity; white space
    only where two words or two numbers would run together. Sentences end with a line feed.
    """
    text = _RANGE.sub("-", _nfkc(text))
    text = text.replace("mcg", "μg").replace("ug", "μg")
    text = _SENTENCE_END.sub("\n", text)
    out: list[str] = []
    for index, char in enumerate(text):
        if char == ".":
            if text[index - 1 : index].isdigit() and text[index + 1 : index + 2].isdigit():
                out.append(char)
        elif char == "\n" or char.isalnum() or char in _KEPT:
            out.append(char)
        elif char.isspace() or char in ",、，":
            out.append(" ")
    return re.sub(r" +", _gap, "".join(out)).strip()


def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _gap(match: re.Match[str]) -> str:
    before, after = match.string[: match.start()][-1:], match.string[match.end() :][:1]
    letters = before.isascii() and before.isalpha() and after.isascii() and after.isalpha()
    return " " if letters or (before.isdigit() and after.isdigit()) else ""


@cache
def wording(pattern: str) -> re.Pattern[str]:
    """A pattern of a benchmark item, to be searched in folded text.

    ``*`` stands for up to 12 characters of one sentence. A number or Latin word is only found whole: ``2mg`` is not in
    ``12mg``, nor ``no`` in ``nonopioid``.
    """
    parts = [re.escape(fold(part)) for part in pattern.split("*")]
    body = r"[^\n]{0,12}?".join(parts)
    bare = fold(pattern.replace("*", ""))
    if bare[:1].isdigit():
        body = r"(?<![0-9.])" + body
    elif bare[:1].isascii() and bare[:1].isalpha():
        body = r"(?<![a-z])" + body
    if bare[-1:].isdigit():
        body += r"(?!\.?[0-9])"
    elif bare[-1:].isascii() and bare[-1:].isalpha():
        body += r"(?![a-z])"
    return re.compile(body)
