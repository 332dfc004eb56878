"""How web-llm 0.2.86 turns a conversation into text, in Python, to check a ``conv_template`` before it ships.

Every part that ``prompt_parts`` returns is tokenised on its own. A fresh conversation is prefilled whole. When the
conversation goes on and web-llm still holds its KV cache, only the new question and the reply header are fed: the stop
token that ended the last answer, and the separator after it, never reach the model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

SYSTEM_PLACEHOLDER = "{system_message}"

_DOLLAR = re.compile(r"\$([$&`'])")


def prompt_parts(
    template: Mapping[str, Any], system: str | None, turns: Sequence[str], *, cached: bool = False
) -> list[str]:
    """The texts that web-llm tokenises and feeds before it generates an answer.

    Args:
        template: the ``conv_template`` of mlc-chat-config.json.
        system: the request's system message; None where it has none.
        turns: question, answer, question, ..., question.
        cached: whether the KV cache already holds everything up to the last answer.
    """
    system_prompt = _system_prompt(template, system)
    parts = [system_prompt] if system_prompt and not cached else []
    content_sep = template.get("role_content_sep", ": ")
    for index in range(len(turns) - 1 if cached else 0, len(turns)):
        role = "assistant" if index % 2 else "user"
        text = turns[index]
        role_template = (template.get("role_templates") or {}).get(role)
        if role_template is not None:
            text = js_replace(role_template, f"{{{role}_message}}", text)
            text = js_replace(text, "{function_string}", "")
        bare = template.get("add_role_after_system_message") is False and system_prompt and index == 0
        prefix = "" if bare else template["roles"][role] + content_sep
        parts.append(prefix + text + template["seps"][index % len(template["seps"])])
    parts.append(template["roles"]["assistant"] + template.get("role_empty_sep", ": "))
    return parts


def js_replace(text: str, pattern: str, replacement: str) -> str:
    """JavaScript's ``text.replace(pattern, replacement)`` for strings: the first match only, and ``$`` has meanings."""
    at = text.find(pattern)
    if at < 0:
        return text
    before, after = text[:at], text[at + len(pattern) :]
    meanings = {"$": "$", "&": pattern, "`": before, "'": after}
    return before + _DOLLAR.sub(lambda match: meanings[match[1]], replacement) + after


def _system_prompt(template: Mapping[str, Any], system: str | None) -> str:
    message = template["system_message"] if system is None else system
    if message == "" and template.get("render_empty_system_message") is False:
        return ""
    return js_replace(template["system_template"], SYSTEM_PLACEHOLDER, message)
