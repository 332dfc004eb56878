"""A scripted writer and rater: real replies of the asked-for forms, decided by the request alone.

A random model cannot write structured replies, so where these are needed this script answers, behind a real HTTP
server. The texts are assembled from lists, so that records differ and the novelty filter has work.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from typing import Any

SUBJECTS = ("气管插管", "硬膜外阻滞", "动脉置管", "喉罩置入", "深静脉穿刺", "术中输血", "体温保护", "术后镇痛")
PEOPLE = ("高龄病人", "新生儿", "孕晚期妇女", "哮喘病人", "重度肥胖者", "慢性肾病病人", "烧伤病人", "心衰病人")
ASKED = ("最先检查什么", "常见失误有哪些", "怎样向家属说明", "何时应当放弃并求助", "需要准备哪些器材", "记录里写什么")


def answer(request: dict[str, Any]) -> str:
    """What the script says to a chat completion request."""
    text = request["messages"][-1]["content"]
    draw = random.Random(hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest())
    if '"instructions"' in text:
        count = int(re.search(r"再写 (\d+) 个", text)[1])
        made = [f"为{draw.choice(PEOPLE)}做{draw.choice(SUBJECTS)}，{draw.choice(ASKED)}？" for _ in range(count)]
        return "好的，任务如下：\n```json\n" + json.dumps({"instructions": made}, ensure_ascii=False) + "\n```"
    if '"input"' in text:
        return json.dumps(
            {"input": f"年龄 {draw.randint(1, 90)} 岁。" if draw.random() < 0.3 else ""}, ensure_ascii=False
        )
    if '"coherence"' in text:
        return json.dumps(scores(text), ensure_ascii=False)
    steps = draw.sample(["核对身份", "评估气道", "准备吸引", "给氧", "呼救", "监测血压", "记录时间", "复查血气"], 4)
    return "要点：" + "；".join(f"{number}. {step}" for number, step in enumerate(steps, start=1)) + "。"


def scores(text: str) -> dict[str, int]:
    """Scores by the question alone, so that raters agree; never a 10, so that a threshold of 10 drops everything."""
    draw = random.Random(hashlib.sha256(text.encode()).hexdigest())
    level = draw.choice((3, 7, 8, 9, 9, 10))
    return {
        aspect: max(0, min(9, level + draw.choice((-1, 0, 0, 1))))
        for aspect in ("coherence", "professionalism", "usefulness", "harmlessness", "friendliness")
    }
