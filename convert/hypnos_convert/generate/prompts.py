"""What writers are asked. Change a prompt, and change VERSION with it: records name the version that made them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from ..endpoint import Message
from ..taxonomy import CATEGORIES, FORMS
from .tasks import Task

VERSION = "self-instruct-zh/1"

_WRITER = "你是资深麻醉科医师，为中文麻醉学问答数据集写作。内容须符合公认的临床常识，不编造，不含任何真实病人的信息。"


def instruction_prompt(examples: Sequence[Task], category: str, form: str, count: int, number: int) -> list[Message]:
    """Ask for new instructions of one field and one form, as a JSON list of texts.

    ``number`` tells requests apart that would otherwise be equal.
    """
    shown = "\n".join(f"{index}. {task.question}" for index, task in enumerate(examples, start=1))
    return [
        {"role": "system", "content": _WRITER},
        {
            "role": "user",
            "content": (
                f"下面是已有的任务：\n{shown}\n\n"
                f"请再写 {count} 个新任务（第 {number} 批）。主题：{CATEGORIES[category]}。类型：{FORMS[form]}。\n"
                "要求：与上面的任务不重复；措辞多样；每个任务离开上下文也能读懂；只写任务，不写答案。\n"
                '只输出 JSON：{"instructions": ["任务一", "任务二"]}'
            ),
        },
    ]


def instance_prompt(instruction: str, form: str) -> list[Message]:
    """Ask for the case details that an instruction needs, as JSON; an empty text where it needs none."""
    return [
        {"role": "system", "content": _WRITER},
        {
            "role": "user",
            "content": (
                f"任务：{instruction}\n类型：{FORMS[form]}。\n"
                "如果完成这个任务需要具体资料（病例、化验、监测数据），请编写一份虚构的、简明的资料；"
                "如果不需要，资料留空。不写姓名、证件号、电话、住院号。\n"
                '只输出 JSON：{"input": "资料，或空字符串"}'
            ),
        },
    ]


def response_prompt(instruction: str, given: str, form: str, examples: Sequence[Task]) -> list[Message]:
    """Ask for the answer as plain text; ``examples`` are solved tasks of the same form."""
    messages: list[Message] = [
        {
            "role": "system",
            "content": (
                f"{_WRITER}请直接作答：先给结论，分点列出要点；剂量写明单位、途径和人群；"
                "不确定或因地而异的内容要说明；不要寒暄，不要提到自己是人工智能。"
            ),
        }
    ]
    for task in examples:
        messages += [{"role": "user", "content": task.question}, {"role": "assistant", "content": task.output}]
    question = f"{instruction}\n{given}" if given else instruction
    return [*messages, {"role": "user", "content": question}]


def parse_instructions(text: str) -> list[str]:
    """The instructions of a reply.

    Raises:
        ValueError: it is not the JSON that was asked for.
    """
    found = find_object(text).get("instructions")
    if not isinstance(found, list) or not found or not all(isinstance(item, str) for item in found):
        raise ValueError("instructions 应为非空的字符串数组")
    return [re.sub(r"^\s*(?:任务)?\d+[.、:：]\s*", "", item).strip() for item in found]


def parse_instance(text: str) -> str:
    """The case details of a reply, possibly empty.

    Raises:
        ValueError: it is not the JSON that was asked for.
    """
    found = find_object(text).get("input")
    if not isinstance(found, str):
        raise ValueError("input 应为字符串")
    return found.strip()


def parse_response(text: str) -> str:
    """The answer, without the thoughts that some models write first.

    Raises:
        ValueError: it is empty.
    """
    answer = re.sub(r"(?s)^\s*<think>.*?</think>", "", text).strip()
    if not answer:
        raise ValueError("回答为空")
    return answer


def find_object(text: str) -> dict[str, Any]:
    """The first JSON object in a text, whatever stands around it (thoughts, code fences, remarks).

    Raises:
        ValueError: there is none.
    """
    text = re.sub(r"(?s)<think>.*?</think>", "", text)
    decoder = json.JSONDecoder()
    for match in re.finditer(r"\{", text):
        try:
            value, _ = decoder.raw_decode(text, match.start())
        except json.JSONDecodeError:
            continue
        if isinstance(value, dict):
            return value
    raise ValueError("没有找到完整的 JSON 对象")
