"""Lint the benchmark: what a schema cannot say, and overlap with training text.

    python convert/benchmark/tools/lint.py                      exit 1 on any complaint
    python convert/benchmark/tools/lint.py --training DIR ...   further folders of training JSONL

Texts are compared after NFKC, lower case, and without white space and punctuation. Overlap:
no 13 characters in a row may stand both in an item and in a training record, and no question
may share 60% of its character 3-grams (Jaccard) with a training instruction.
"""

import argparse
import collections
import functools
import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

BENCHMARK = Path(__file__).resolve().parent.parent
OVERLAP_CHARACTERS = 13
NEAR_DUPLICATE_JACCARD = 0.6
MOST_LONGEST_RIGHT = 0.30  # share of single questions whose right option is the longest; chance is 0.20


def folded(text: str) -> str:
    """How wordings are compared with an answer: NFKC, lower case, one kind of range sign, no white space."""
    text = unicodedata.normalize("NFKC", text).lower().replace("μ", "µ").replace("µ", "u")
    return re.sub(r"\s+", "", re.sub(r"[~–—−至]", "-", text))


def bare(text: str) -> str:
    """How texts are compared with each other: folded, letters and digits only."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


@functools.cache
def wording(pattern: str) -> re.Pattern[str]:
    """An accepted wording, to be searched in a folded text; `*` is up to 12 characters of one sentence.

    The evaluation has its own, stricter matcher; this one needs nothing but the standard library.
    """
    parts = [re.escape(folded(part)) for part in pattern.split("*")]
    return re.compile("[^。;!?]{0,12}".join(parts))


def stands_in(pattern: str, text: str) -> bool:
    return wording(pattern).search(text) is not None


def key_point_recall(item: dict, answer: str) -> float:
    """Weighted share (0 to 1) of an open question's key points of which some wording stands in the answer."""
    text = folded(answer)
    met = sum(
        point["weight"] for point in item["key_points"] if any(stands_in(p, text) for p in point["patterns"])
    )  # fmt: skip
    return met / sum(point["weight"] for point in item["key_points"])


def ngrams(text: str, n: int) -> set[str]:
    return {text[i : i + n] for i in range(len(text) - n + 1)}


def read_items(name: str, folder: Path = BENCHMARK) -> list[dict]:
    return [json.loads(line) for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def training_texts(folders: Iterable[Path]) -> Iterator[tuple[str, str, bool]]:
    """Yield (record id, text, is it an instruction) for every training record below the folders."""
    for folder in folders:
        for file in sorted(folder.rglob("*.jsonl")):
            for line in file.read_text(encoding="utf-8").splitlines():
                record = json.loads(line)
                for key in ("instruction", "input", "output", "title", "text"):
                    if record.get(key):
                        yield record.get("id", file.name), record[key], key == "instruction"


def item_texts(item: dict) -> Iterator[tuple[str, str]]:
    """The texts of an item that a model must not have seen in training, with their field."""
    for key in ("question", "reference", "passage", "explanation"):
        if key in item:
            yield key, item[key]
    for letter, option in item.get("options", {}).items():
        yield f"options.{letter}", option


def overlaps(items: list[dict], folders: Iterable[Path]) -> Iterator[str]:
    """Complaints about text that an item shares with a training record."""
    seen: dict[str, str] = {}
    instructions: list[tuple[str, str, set[str]]] = []
    by_gram: dict[str, list[int]] = collections.defaultdict(list)
    for record, text, is_instruction in training_texts(folders):
        text = bare(text)
        for gram in ngrams(text, OVERLAP_CHARACTERS):
            seen.setdefault(gram, record)
        if is_instruction:
            grams = ngrams(text, 3)
            for gram in grams:
                by_gram[gram].append(len(instructions))
            instructions.append((record, text, grams))
    for item in items:
        for key, text in item_texts(item):
            plain = bare(text)
            hits = [i for i in range(len(plain) - OVERLAP_CHARACTERS + 1) if plain[i : i + OVERLAP_CHARACTERS] in seen]
            if hits:
                shared = plain[hits[0] : hits[-1] + OVERLAP_CHARACTERS]
                record = seen[plain[hits[0] : hits[0] + OVERLAP_CHARACTERS]]
                yield f"{item['id']}: {key} shares with {record}: {shared}"
        grams = ngrams(bare(item["question"]), 3)
        shared = collections.Counter(other for gram in grams for other in by_gram.get(gram, ()))
        for other, common in shared.most_common(1):
            record, _, theirs = instructions[other]
            jaccard = common / len(grams | theirs)
            if jaccard >= NEAR_DUPLICATE_JACCARD:
                yield f"{item['id']}: question near {record} ({jaccard:.2f}): {item['question']}"


def open_question_complaints(item: dict) -> Iterator[str]:
    reference, question = folded(item["reference"]), folded(item["question"])
    for point in item["key_points"]:
        if not any(stands_in(p, reference) for p in point["patterns"]):
            yield f"{item['id']}: no wording of key point {point['text']!r} stands in the reference"
        for pattern in point["patterns"]:
            if stands_in(pattern, question):
                yield f"{item['id']}: the question itself says {pattern!r}"
            if len(folded(pattern)) < 2:
                yield f"{item['id']}: wording {pattern!r} is too short to mean anything"
    for statement in item["forbidden"]:
        for pattern in statement["patterns"]:
            if stands_in(pattern, reference):
                yield f"{item['id']}: the reference says the forbidden {pattern!r}"
            if stands_in(pattern, question):
                yield f"{item['id']}: the question says the forbidden {pattern!r}"


def choice_question_complaints(item: dict) -> Iterator[str]:
    options = [folded(option) for option in item["options"].values()]
    if len(set(options)) < len(options):
        yield f"{item['id']}: two options are the same"
    if (item["type"] == "single") != (len(item["answer"]) == 1):
        yield f"{item['id']}: {item['type']} with {len(item['answer'])} right options"
    if len(item["answer"]) >= len(options):
        yield f"{item['id']}: no wrong option"
    if re.search(r"以上(都|均|皆)|上述(都|均)|选项 ?[A-E]", "".join(item["options"].values()) + item["explanation"]):
        yield f"{item['id']}: an option or the explanation points at other options"


def reading_question_complaints(item: dict) -> Iterator[str]:
    for answer in item["answers"]:
        if item["passage"][answer["start"] : answer["start"] + len(answer["text"])] != answer["text"]:
            yield f"{item['id']}: no {answer['text']!r} at {answer['start']}"
        if bare(answer["text"]) in bare(item["question"]):
            yield f"{item['id']}: the question says its answer {answer['text']!r}"


def choice_statistics(items: list[dict]) -> dict:
    """Letters of right options by type, and how often length alone finds the right option of a single question."""
    letters: dict[str, collections.Counter] = {"single": collections.Counter(), "multiple": collections.Counter()}
    longest = shortest = 0.0
    right_lengths, wrong_lengths = [], []
    singles = [item for item in items if item["type"] == "single"]
    for item in items:
        letters[item["type"]].update(item["answer"])
    for item in singles:
        lengths = {letter: len(bare(option)) for letter, option in item["options"].items()}
        right = lengths.pop(item["answer"][0])
        # Ties count for their share: a guesser among equally long options is right that often.
        longest += right >= max(lengths.values()) and 1 / (1 + list(lengths.values()).count(right))
        shortest += right <= min(lengths.values()) and 1 / (1 + list(lengths.values()).count(right))
        right_lengths.append(right)
        wrong_lengths += lengths.values()
    return {
        "letters": {kind: dict(sorted(counter.items())) for kind, counter in letters.items()},
        "longest_is_right": longest / max(1, len(singles)),
        "shortest_is_right": shortest / max(1, len(singles)),
        "mean_length_right": sum(right_lengths) / max(1, len(right_lengths)),
        "mean_length_wrong": sum(wrong_lengths) / max(1, len(wrong_lengths)),
    }


def twins(items: list[dict]) -> Iterator[str]:
    """Complaints about two items that ask the same."""
    asked = [(item["id"], ngrams(bare(item["question"]), 3), item.get("passage_id")) for item in items]
    for i, (one, grams, passage) in enumerate(asked):
        for other, others, other_passage in asked[i + 1 :]:
            if passage != other_passage and passage:
                continue  # "which drug was given?" may be asked of every case
            if len(grams & others) / max(1, len(grams | others)) >= 0.7:
                yield f"{one}: asks the same as {other}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--training", type=Path, nargs="*", default=[], help="further folders of training JSONL")
    arguments = parser.parse_args()
    sets = {name: read_items(name) for name in ("aneqa", "anecq", "anerc")}
    complaints = [c for item in sets["aneqa"] for c in open_question_complaints(item)]
    complaints += [c for item in sets["anecq"] for c in choice_question_complaints(item)]
    complaints += [c for item in sets["anerc"] for c in reading_question_complaints(item)]
    for items in sets.values():
        complaints += twins(items)
    everything = [item for items in sets.values() for item in items]
    complaints += dict.fromkeys(overlaps(everything, [BENCHMARK.parent / "data", *arguments.training]))
    statistics = choice_statistics(sets["anecq"])
    print(json.dumps(statistics, ensure_ascii=False, indent=1))
    for name, items in sets.items():
        print(name, len(items), dict(collections.Counter(item["difficulty"] for item in items)))
    if statistics["longest_is_right"] > MOST_LONGEST_RIGHT:
        complaints.append(f"the longest option is right in {statistics['longest_is_right']:.0%} of single questions")
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
