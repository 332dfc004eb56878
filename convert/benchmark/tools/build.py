"""Build the benchmark's JSONL files and benchmark.json from the authored text under source/.

    python convert/benchmark/tools/build.py          number new blocks, write everything
    python convert/benchmark/tools/build.py --check  exit 1 if a file differs from what source/ would give

The way of the data: source/<set>/<category>.txt -> blocks -> items -> <set>.jsonl, and
benchmark.json with counts and SHA-256. One source file per category; the file name is the
category. A block starts with `@`; a new one says only its difficulty (`@b`, `@i`, `@a`, or
`@` and the title for a passage). The build gives it the next free number and writes that back
into the source, so an id, once given, never moves. A line that starts with `#` is a comment.

aneqa, an open question:

    @aneqa-0001 basic
    question
    reference answer
    +2 what must be said = accepted wording|another wording
    -what must not be said = wording|wording

anecq, a choice question; one marked option makes it single, several make it multiple:

    @anecq-0001 basic
    question
    *a right option
    a wrong option
    =explanation

The order of the options follows from the id; of every five single questions each letter is right once.

anerc, a passage with questions; an answer stands in the passage, word for word (`text@2` is its second place):

    @anerc-p001 title
    passage
    ?anerc-0001 basic question
    answer|another accepted span
"""

import argparse
import hashlib
import json
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

BENCHMARK = Path(__file__).resolve().parent.parent
NAME, VERSION = "hypnos-anaesthesia-zh", "1.0.0"
PROVENANCE = "llm-written, not clinically reviewed"
LICENCE = "Apache-2.0"
SETS = ("aneqa", "anecq", "anerc")
DIFFICULTIES = {"b": "basic", "i": "intermediate", "a": "advanced"}
CATEGORIES = (
    "preoperative", "airway", "induction", "maintenance", "emergence", "inhaled", "intravenous", "opioids",
    "muscle_relaxants", "local_anaesthetics", "neuraxial", "nerve_blocks", "monitoring", "fluids_transfusion",
    "haemodynamics", "cardiac", "thoracic", "neuro", "obstetric", "paediatric", "geriatric", "bariatric",
    "day_surgery", "pain", "icu", "crisis", "complications", "safety",
)  # fmt: skip

# Words that say the same in an answer. A wording of a key point is also accepted with each other word of a row in its
# place, so that the source need not list them. Forbidden statements stay as written: they must not catch more.
SYNONYMS = (
    ("避免", "不用", "不宜", "禁用", "不要", "禁止", "不应使用", "不能用"),
    ("二氧化碳", "CO2"),
    ("升高", "上升", "增高", "增加"),
    ("下降", "降低", "减少"),
    ("扩张", "舒张"),
    ("膨胀", "扩张"),
    ("心排出量", "心输出量", "心排血量"),
    ("心动过速", "心率增快", "心率过快", "心率快"),
    ("缺氧", "低氧"),
    ("高钾", "高血钾"),
    ("低钾", "低血钾"),
    ("低钠", "低血钠"),
    ("低钙", "低血钙"),
    ("补液", "输液", "扩容"),
    ("抽搐", "惊厥"),
    ("蛛网膜下隙", "蛛网膜下腔"),
    ("右室", "右心室"),
    ("左室", "左心室"),
    ("肌松药", "肌肉松弛药"),
    ("肌松恢复", "肌力恢复"),
    ("站立", "直立", "坐立"),
    ("病人", "患者"),
    ("自主呼吸", "自发呼吸"),
    ("保温", "复温", "加温"),
    ("给氧", "吸氧", "供氧"),
)
MOST_WORDINGS = 32  # the schema's limit


class SourceError(ValueError):
    """A block that cannot become an item: says file, line and what is wrong."""


@dataclass
class Block:
    where: str
    header: str
    lines: list[str] = field(default_factory=list)

    def fail(self, what: str) -> SourceError:
        return SourceError(f"{self.where}: {what}")


def number_new_blocks(folder: Path, name: str) -> None:
    """Give every unnumbered block and question of a set the next free id, in the source files themselves."""
    files = [folder / f"{category}.txt" for category in CATEGORIES]
    texts = {file: file.read_text(encoding="utf-8") for file in files if file.exists()}
    everything = "\n".join(texts.values())
    last = {
        "p": max((int(n) for n in re.findall(r"^@anerc-p(\d+)", everything, re.M)), default=0),
        "": max((int(n) for n in re.findall(rf"^[@?]{name}-(\d+)", everything, re.M)), default=0),
    }

    def numbered(line: str) -> str:
        if name == "anerc" and line.startswith("@") and not line.startswith("@anerc-p"):
            last["p"] += 1
            return f"@anerc-p{last['p']:03d} {line[1:].strip()}"
        new = re.match(r"[@?]([bia])(?: +(.*))?$", line)
        if not new:
            return line
        last[""] += 1
        return f"{line[0]}{name}-{last['']:04d} {DIFFICULTIES[new[1]]} {new[2] or ''}".rstrip()

    for file, text in texts.items():
        result = "".join(numbered(line) + "\n" for line in text.splitlines())
        if result != text:
            file.write_text(result, encoding="utf-8")


def blocks(file: Path) -> Iterator[Block]:
    """Yield the blocks of one source file. One micro sign, U+00B5, as in the training text."""
    block = None
    text = file.read_text(encoding="utf-8").replace("\u03bc", "\u00b5")
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("@"):
            if block:
                yield block
            block = Block(f"{file.parent.name}/{file.name}:{number}", line[1:].strip())
        elif line.strip() and not line.startswith("#"):
            if not block:
                raise SourceError(f"{file.name}:{number}: text before the first @")
            block.lines.append(line.strip())
    if block:
        yield block


def _header(block: Block) -> dict[str, str]:
    match = re.fullmatch(r"(ane\w\w-\d{4}) (basic|intermediate|advanced)", block.header)
    if not match:
        raise block.fail(f"header {block.header!r} is not an id and a difficulty")
    return {"id": match[1], "difficulty": match[2]}


def _wordings(text: str) -> tuple[str, list[str]]:
    label, _, patterns = text.partition(" = ")
    return label.strip(), [p.strip() for p in (patterns or label).split("|") if p.strip()]


def with_synonyms(wordings: list[str]) -> list[str]:
    """The wordings, then each of them with one word exchanged for a synonym, or a time unit written out."""
    accepted = dict.fromkeys(wordings)
    # 避免X is also said 避免使用X or 避免A、X.
    wordings = [re.sub(r"^(避免|不用|禁用)(?!\*)", r"\1*", wording) for wording in wordings]
    accepted.update(dict.fromkeys(wordings))
    for wording in wordings:
        for row in SYNONYMS:
            for word in row:
                if word in wording:
                    accepted.update(dict.fromkeys(wording.replace(word, other) for other in row))
        for unit, name in (("h", "小时"), ("min", "分钟"), ("s", "秒")):
            accepted[re.sub(rf"(?<=\d){unit}(?![A-Za-z])", name, wording)] = None
            accepted[re.sub(rf"(?<=\d){name}", unit, wording)] = None
    return list(accepted)[:MOST_WORDINGS]


def open_question(block: Block, category: str) -> Iterator[dict]:
    head, (question, reference, *rest) = _header(block), block.lines
    key_points, forbidden = [], []
    for line in rest:
        point = re.match(r"\+(\d) (.+)", line)
        text, patterns = _wordings(point[2] if point else line[1:])
        if point:
            key_points.append({"text": text, "weight": int(point[1]), "patterns": with_synonyms(patterns)})
        elif line.startswith("-"):
            forbidden.append({"text": text, "patterns": patterns})
        else:
            raise block.fail(f"neither a key point nor a forbidden statement: {line}")
    yield {
        "id": head["id"], "category": category, "difficulty": head["difficulty"], "question": question,
        "reference": reference, "key_points": key_points, "forbidden": forbidden,
    }  # fmt: skip


def choice_question(block: Block, category: str) -> Iterator[dict]:
    head, (question, *options, explanation) = _header(block), block.lines
    if not explanation.startswith("=") or len(options) not in (4, 5):
        raise block.fail(f"{len(options)} options, then {explanation!r}: wants 4 or 5, then =explanation")
    right = [option[1:] for option in options if option.startswith("*")]
    wrong = [option for option in options if not option.startswith("*")]
    order = right + wrong
    random.Random(head["id"]).shuffle(order)
    letters = {option: letter for letter, option in zip("ABCDE", order, strict=False)}
    yield {
        "id": head["id"], "category": category, "difficulty": head["difficulty"],
        "type": "single" if len(right) == 1 else "multiple", "question": question,
        "options": {letter: option for option, letter in letters.items()},
        "answer": sorted(letters[option] for option in right),
        "explanation": explanation[1:].strip(),
    }  # fmt: skip


def balance_letters(items: list[dict]) -> None:
    """Move the right options of single questions so that of every five in a row each letter is right once."""
    for number, item in enumerate(item for item in items if item["type"] == "single"):
        places = random.Random(f"letters {number // 5}").sample("ABCDE", 5)
        (now,), wanted = item["answer"], places[number % 5]
        if wanted in item["options"]:
            item["options"][now], item["options"][wanted] = item["options"][wanted], item["options"][now]
            item["answer"] = [wanted]


def reading_questions(block: Block, category: str) -> Iterator[dict]:
    passage_id, (passage, *rest) = block.header.split()[0], block.lines
    for asked, answered in zip(rest[::2], rest[1::2], strict=True):
        head = re.fullmatch(r"\?(anerc-\d{4}) (basic|intermediate|advanced) (.+)", asked)
        if not head:
            raise block.fail(f"not a question: {asked}")
        answers = []
        for span in answered.split("|"):
            text, _, occurrence = span.partition("@")
            starts = [match.start() for match in re.finditer(re.escape(text), passage)]
            if not starts or (len(starts) > 1 and not occurrence):
                raise block.fail(f"answer {text!r} stands {len(starts)} times in the passage; say which: {text}@2")
            answers.append({"text": text, "start": starts[int(occurrence or 1) - 1]})
        yield {
            "id": head[1], "category": category, "difficulty": head[2], "passage_id": passage_id,
            "passage": passage, "question": head[3], "answers": answers,
        }  # fmt: skip


READERS = {"aneqa": open_question, "anecq": choice_question, "anerc": reading_questions}


def read_set(name: str) -> list[dict]:
    """All items of a set in the order of their ids.

    Raises:
        SourceError: a malformed block or a duplicate id, with file and line.
    """
    items: dict[str, dict] = {}
    for category in CATEGORIES:
        file = BENCHMARK / "source" / name / f"{category}.txt"
        for block in blocks(file) if file.exists() else ():
            try:
                made = list(READERS[name](block, category))
            except SourceError:
                raise
            except ValueError as error:
                raise block.fail(str(error)) from error
            for item in made:
                if item["id"] in items:
                    raise block.fail(f"id {item['id']} is given twice")
                items[item["id"]] = {**item, "provenance": PROVENANCE, "version": VERSION}
    ordered = [items[key] for key in sorted(items)]
    if name == "anecq":
        balance_letters(ordered)
    return ordered


def build() -> dict[str, str]:
    """The text of every file the benchmark consists of, by file name."""
    files, described = {}, []
    for name in SETS:
        items = read_set(name)
        text = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items)
        path, digest = f"{name}.jsonl", hashlib.sha256(text.encode()).hexdigest()
        files[path] = text
        described.append({"path": path, "kind": name, "items": len(items), "sha256": digest})
    benchmark = {
        "format": "hypnos-benchmark/1",
        "name": NAME,
        "version": VERSION,
        "language": "zh-CN",
        "licence": LICENCE,
        "provenance": PROVENANCE,
        "reviewed": False,
        "files": described,
    }
    files["benchmark.json"] = json.dumps(benchmark, ensure_ascii=False, indent=2) + "\n"
    return files


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 on any difference")
    check = parser.parse_args().check
    try:
        if not check:
            for name in SETS:
                number_new_blocks(BENCHMARK / "source" / name, name)
        files = build()
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    stale = [
        name for name, text in files.items()
        if not (BENCHMARK / name).exists() or (BENCHMARK / name).read_text(encoding="utf-8") != text
    ]  # fmt: skip
    if check and stale:
        print(f"not what source/ gives, run build.py: {', '.join(stale)}", file=sys.stderr)
        return 1
    for name in stale:
        (BENCHMARK / name).write_text(files[name], encoding="utf-8")
    for description in json.loads(files["benchmark.json"])["files"]:
        print(f"{description['items']:5d}  {description['path']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
