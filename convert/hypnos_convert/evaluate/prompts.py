"""What a target is asked. A change of wording is a new version: scores of different versions are not compared."""

from __future__ import annotations

from ..endpoint import Message
from .items import Item

VERSION = "hypnos-prompts/1"
LETTER_PREFIX = "答案："
"""What stands before the letter whose likelihood is read."""

MAX_TOKENS = {"aneqa": 512, "anecq": 64, "anerc": 96}
"""Most tokens of an answer, by kind of item."""


def messages(item: Item) -> list[Message]:
    """The conversation that asks one item: a single user message, no system message of ours."""
    data = item.data
    if item.kind == "aneqa":
        text = data["question"]
    elif item.kind == "anecq":
        options = "\n".join(f"{letter} {option}" for letter, option in sorted(data["options"].items()))
        what = "单选题，只有一个正确答案" if data["type"] == "single" else "多选题，有两个或更多正确答案"
        text = f"{data['question']}\n{options}\n（{what}。请先写“答案：”和选项字母。）"
    else:
        text = f"{data['passage']}\n\n根据上文回答，尽量用原文中的词句，不要解释：{data['question']}"
    return [{"role": "user", "content": text}]
