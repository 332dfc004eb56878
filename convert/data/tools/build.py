"""Turn the authored blocks under convert/data/source into the JSONL files beside it.

    python convert/data/tools/build.py          write anaesthesia/, general/ and passages/
    python convert/data/tools/build.py --check  only lint; exit 1 on any complaint

Source blocks, one file per category, append only (ids follow the order):

    @form
    first wording|second wording|third wording
    answer, one or more lines

Each wording is one record; a rule adds one more per block, one of the wordings
behind an opening such as 请问, with ids from 5000 on.

More wordings of a block, written later so that the order of the blocks stays, lie in source/wordings/CATEGORY.jsonl,
one line a block in the file's order: {"question": its first wording, "wordings": [...]}; their ids start at 10000.

Passages:

    @title
    text, one or more lines
"""

import json
import re
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent
PROVENANCE = "llm-written, not clinically reviewed"
FORMS = {
    "short", "explain", "compare", "crisis", "case", "table",
    "need_more_info", "refusal", "dont", "false_premise", "dose",
}
# One more wording a block, made by rule: people wrap the same question in different openings.
OPENINGS = ("请问{}", "请简要说明：{}", "我想了解一下，{}", "麻醉学问题：{}", "想请教，{}", "考考你：{}", "请回答：{}")
OPENED_FORMS = {"short", "explain", "compare", "dose", "crisis", "dont", "table"}
RULE_IDS = 5000
MORE_IDS, MORE_ROOM = 10_000, 20  # first id of a block's further wordings, and room for them
PREFIX = {"anaesthesia": "ane", "general": "gen", "passages": "psg"}


def blocks(path):
    """Yield (line number, header, body lines) for each @block of a source file."""
    header, start, body = None, 0, []
    # One micro sign: the tokenizer should not have to learn U+03BC and U+00B5 as two units.
    source = path.read_text(encoding="utf-8").replace("\u03bc", "\u00b5")
    for number, line in enumerate(source.splitlines(), 1):
        if line.startswith("@"):
            if header is not None:
                yield start, header, body
            header, start, body = line[1:].strip(), number, []
        elif header is not None:
            body.append(line.rstrip())
    if header is not None:
        yield start, header, body


def more_wordings(category, firsts, complaints):
    """Return the further wordings of each block, [] where there are none."""
    path = DATA / "source" / "wordings" / f"{category}.jsonl"
    if not path.exists():
        return [[] for _ in firsts]
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").replace("\u03bc", "\u00b5").splitlines()]
    if [line["question"] for line in lines] != firsts:
        complaints.append(f"wordings/{path.name}: its questions are not the first wordings of {category}.txt, in order")
        return [[] for _ in firsts]
    return [line["wordings"] for line in lines]


def main():
    check_only = "--check" in sys.argv[1:]
    complaints, counts, asked, written = [], {}, {}, {}

    for group in ("anaesthesia", "general", "passages"):
        for path in sorted((DATA / "source" / group).glob("*.txt")):
            category, rows, opened, further = path.stem, [], [], []
            firsts = [body[0].split("|")[0].strip() for _, _, body in blocks(path) if body]
            wordings = more_wordings(category, firsts, complaints) if group == "anaesthesia" else [[] for _ in firsts]
            for block_number, (line, header, body) in enumerate(blocks(path), 1):
                where = f"{group}/{path.name}:{line}"
                if group == "passages":
                    text = "\n".join(body).strip()
                    if not 100 <= len(text) <= 450:
                        complaints.append(f"{where}: passage of {len(text)} characters")
                    rows.append({"title": header, "text": text})
                    continue
                questions = [q.strip() for q in (body[0] if body else "").split("|") if q.strip()]
                output = "\n".join(body[1:]).strip()
                if header not in FORMS:
                    complaints.append(f"{where}: unknown form {header!r}")
                if not questions or not output:
                    complaints.append(f"{where}: empty question or answer")
                if len(output) > 420 or len(output) < 8:
                    complaints.append(f"{where}: answer of {len(output)} characters")
                last_line = output.splitlines()[-1] if output else ""
                if not re.search(r"[。！？|）)”]$", output) and not re.match(r"(- |\d+\. )", last_line):
                    complaints.append(f"{where}: answer does not end cleanly: …{output[-12:]}")
                for question in questions:
                    if question in asked:
                        complaints.append(f"{where}: question already asked at {asked[question]}: {question}")
                        continue
                    asked[question] = where
                    rows.append({"form": header, "instruction": question, "output": output})
                for number, question in enumerate(wordings[block_number - 1]):
                    if question in asked:
                        complaints.append(f"{where}: further wording already asked at {asked[question]}: {question}")
                        continue
                    asked[question] = where
                    row = {"form": header, "instruction": question, "output": output}
                    further.append((MORE_IDS + block_number * MORE_ROOM + number, row))
                if header in OPENED_FORMS and category != "safety" and questions:
                    opening = OPENINGS[block_number % len(OPENINGS)]
                    if group == "general":
                        opening = opening.replace("麻醉学", "医学")
                    question = opening.format(questions[block_number % len(questions)])
                    row = {"form": header, "instruction": question, "output": output}
                    opened.append((RULE_IDS + block_number, row))
            written[(group, category)] = [
                {"id": f"{PREFIX[group]}-{category}-{n:04d}", "category": category, **row, "provenance": PROVENANCE}
                for n, row in [*enumerate(rows, 1), *opened, *further]
            ]
            counts[f"{group}/{category}"] = len(rows) + len(opened) + len(further)

    if not check_only:
        for (group, category), rows in written.items():
            out = DATA / group / f"{category}.jsonl"
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    for name, count in counts.items():
        print(f"{count:6d}  {name}")
    for group in PREFIX:
        print(f"{sum(c for n, c in counts.items() if n.startswith(group + '/')):6d}  {group} in all")
    for complaint in complaints:
        print("complaint:", complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
