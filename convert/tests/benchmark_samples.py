"""Small benchmarks and answer files for the tests of the evaluation."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from pathlib import Path

from hypnos_convert.evaluate.items import Item, read_benchmark

ABOUT = {"difficulty": "basic", "provenance": "test", "version": "1.0.0"}
DRUGS = (
    "丙泊酚",
    "依托咪酯",
    "氯胺酮",
    "咪达唑仑",
    "舒芬太尼",
    "瑞芬太尼",
    "罗库溴铵",
    "顺阿曲库铵",
    "利多卡因",
    "罗哌卡因",
)
CATEGORIES = ("intravenous", "opioids", "muscle_relaxants", "local_anaesthetics")


def open_question(number: int) -> dict:
    drug, dose = DRUGS[number % len(DRUGS)], f"{number + 1}.5 mg/kg"
    return {
        "id": f"qa-{number:04}",
        "category": CATEGORIES[number % 4],
        **ABOUT,
        "question": f"第{number}题：{drug}在第{number}号病例中的用量与注意事项？",
        "reference": f"{drug}用量为 {dose}，缓慢静脉注射，并监测第{number}项指标的变化，随时准备处理低血压。",
        "key_points": [
            {"text": "用量", "weight": 2, "patterns": [dose]},
            {"text": "监测", "weight": 1, "patterns": [f"监测第{number}项指标"]},
        ],
        "forbidden": [{"text": "快速推注", "patterns": ["快速推注"]}],
    }


def choice_question(number: int) -> dict:
    letters = "ABCDE"
    multiple = number % 5 == 4
    answer = sorted({letters[number % 5], letters[(number // 5 + 2) % 5]}) if multiple else [letters[number // 5 % 5]]
    if multiple and len(answer) < 2:
        answer = ["A", "E"]
    return {
        "id": f"cq-{number:04}",
        "category": CATEGORIES[number % 4],
        **ABOUT,
        "type": "multiple" if multiple else "single",
        "question": f"第{number}题，下列哪些说法正确？" if multiple else f"第{number}题，下列哪项正确？",
        "options": {letter: f"说法{letter}{number}" for letter in letters},
        "answer": answer,
    }


def reading_question(number: int) -> dict:
    passage = f"患者{number}号，诱导后血压下降，给予去氧肾上腺素 {number + 10} µg 后好转。"
    answer = f"去氧肾上腺素 {number + 10} µg"
    return {
        "id": f"rc-{number:04}",
        "category": CATEGORIES[number % 4],
        **ABOUT,
        "passage_id": f"p-{number:04}",
        "passage": passage,
        "question": "给予了什么？",
        "answers": [{"text": answer, "start": passage.index(answer)}],
    }


def write(folder: Path, **files: list) -> Path:
    """JSONL files by kind; strings are written as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind, lines in files.items():
        texts = (line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
        (folder / f"{kind}.jsonl").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return folder


def publish(folder: Path) -> Path:
    """Write a benchmark.json over the files of a folder."""
    files = [
        {
            "path": path.name,
            "kind": path.stem,
            "items": len(path.read_text("utf-8").splitlines()),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.glob("*.jsonl"))
    ]
    about = {"format": "hypnos-benchmark/1", "name": "测试", "version": "1.0.0", "language": "zh-CN"}
    about |= {"licence": "none", "provenance": "test", "reviewed": False, "files": files}
    (folder / "benchmark.json").write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
    return folder


def sample(folder: Path, count: int = 20, *, published: bool = True) -> Path:
    """A benchmark with ``count`` items of each kind."""
    numbers = range(count)
    write(
        folder,
        aneqa=list(map(open_question, numbers)),
        anecq=list(map(choice_question, numbers)),
        anerc=list(map(reading_question, numbers)),
    )
    return publish(folder) if published else folder


def right_answer(item: Item) -> str:
    if item.kind == "aneqa":
        return item.data["reference"]
    if item.kind == "anecq":
        return "".join(item.data["answer"])
    return item.data["answers"][0]["text"]


def answers_file(path: Path, benchmark: Path, answer: Callable[[Item], str], *, shuffled: bool = False) -> Path:
    """An answers file; ``shuffled`` gives every item the answer to another one of its kind."""
    items = list(read_benchmark(benchmark).items)
    texts = {item.id: answer(item) for item in items}
    if shuffled:
        for kind in ("aneqa", "anecq", "anerc"):
            ids = [item.id for item in items if item.kind == kind]
            order = ids[:]
            random.Random(3).shuffle(order)
            # Along one cycle, so that none keeps its own.
            texts |= dict(zip(order, [answer_of for answer_of in map(texts.get, order[1:] + order[:1])], strict=True))
    lines = (json.dumps({"id": id, "text": text}, ensure_ascii=False) for id, text in texts.items())
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path
