"""Check the doses in the built JSONL and in the page's reference library against plausible bounds and each other.

    python convert/data/tools/lint.py             exit 1 on any complaint
    python convert/data/tools/lint.py --ranges    also list every figure found, drug by drug

A figure belongs to the drug named last before it in the same clause. The bounds in doses.json are
wide on purpose: they catch a slipped decimal or a wrong unit, not a difference of practice.
A figure in either text contradicts a card when the card has doses of that drug in that unit (and by
that route, where the clause names one) and the figure lies outside all of them.
tests/unit/library/cards.test.ts reads the same doses.json.
"""

import collections
import functools
import json
import re
import sys
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent
LIBRARY = DATA.parent.parent / "public" / "library"
TABLE = json.loads(Path(__file__).with_name("doses.json").read_text(encoding="utf-8"))

BOUNDS = TABLE["bounds"]  # drug: {unit: (lowest, highest)}; a unit that is not listed is not checked for that drug
# words after which a figure no longer belongs to the drug before them
BREAKS = TABLE["breaks"]
# phrases that name a drug without giving its dose
NOT_A_DOSE = re.compile(TABLE["not_a_dose"])
FIGURE = re.compile(rf"(\d+(?:\.\d+)?)(?:～(\d+(?:\.\d+)?))?\s*({TABLE['unit']})(?![A-Za-z/])")
ROUTES = {route: re.compile(words) for route, words in TABLE["routes"].items()}
# equivalences and the like: figures that no dose range has to hold
NOT_A_PRESCRIPTION = re.compile(TABLE["not_a_prescription"])


def library():
    """Return the library's cards and {name in the text: the name under which its figures are kept}."""
    cards = [card for path in sorted(LIBRARY.glob("*s.json")) + sorted(LIBRARY.glob("physiology.json"))
             for card in json.loads(path.read_text(encoding="utf-8"))]
    names = {name: name for name in [*BOUNDS, *TABLE["other_names"], *BREAKS]}
    for card in cards:
        if card["kind"] == "drug":
            # Short aliases such as 血 or 去甲 are parts of other words.
            own = [card["title"], *(alias for alias in card["aliases"] if len(alias) > 2 and not alias.isascii())]
            kept = next((name for name in own if name in BOUNDS), card["title"])
            names.update(dict.fromkeys(own, kept))
            card["drug"] = kept
    return cards, names


def card_texts(card):
    """Yield every sentence of a card that may carry a dose."""
    for section in card["sections"]:
        for statement in section["statements"]:
            yield statement["text"]
        for row in section.get("table", {}).get("rows", []):
            yield "，".join(row)
    for step in card.get("steps", []):
        yield step["text"]
        yield step.get("detail", "")


def left(text):
    """Whether the text ends outside the parentheses in which it begins: a drug named in them stays there."""
    return text.count("）") > text.count("（")


@functools.cache
def any_of(names):
    """The pattern that finds any of the names, the longest where several begin at one place."""
    return re.compile("|".join(map(re.escape, sorted(names, key=len, reverse=True))))


def figures(text, names):
    """Yield (drug, low, high, unit, clause, part) for each figure that follows a drug name in its clause.

    `part` is what stands between the commas around the figure: a route named there is the figure's.
    """
    pattern = any_of(tuple(names))
    for clause in re.split(r"[。；;\n]", NOT_A_DOSE.sub("", text)):
        marks = [(m.start(), names[m.group()]) for m in pattern.finditer(clause)]
        for match in FIGURE.finditer(clause):
            so_far = clause[: match.start()]
            before = [name for start, name in marks if start < match.start() and not left(so_far[start:])]
            if before and before[-1] not in BREAKS:
                low = float(match.group(1))
                part = re.split("[，、]", so_far)[-1] + re.split("[，、]", clause[match.start() :])[0]
                yield before[-1], low, float(match.group(2) or low), match.group(3), clause.strip(), part


def scale(unit):
    """Return (quantity, factor): figures of one quantity compare once each is multiplied by its unit's factor."""
    for quantity, factors in enumerate(TABLE["same_quantity"]):
        if unit in factors:
            return quantity, factors[unit]
    return unit, 1


def contradiction(doses, low, high, unit, clause, part):
    """Say which doses of the card the figure contradicts, or return None."""
    quantity, factor = scale(unit)
    same = [dose for dose in doses if scale(dose["unit"])[0] == quantity]
    named = {route for route, words in ROUTES.items() if words.search(part)}
    by_route = [dose for dose in same if dose["route"].split("-")[0] in named]
    candidates = by_route if len(named) == 1 and by_route else same
    if not candidates or NOT_A_PRESCRIPTION.search(clause):
        return None
    lowest = min(dose["low"] * scale(dose["unit"])[1] for dose in candidates) / factor
    highest = max(dose["high"] * scale(dose["unit"])[1] for dose in candidates) / factor
    if lowest <= low * 1.0001 and high <= highest * 1.0001:  # 1 mg is 1000 µg in floating point, nearly
        return None
    return f"card gives {lowest:g}-{highest:g} {unit}"


def main():
    cards, names = library()
    doses = {card["drug"]: card.get("doses", []) for card in cards if card["kind"] == "drug"}
    found, complaints, records = collections.defaultdict(collections.Counter), {}, 0

    def check(where, text):
        for drug, low, high, unit, clause, part in figures(text, names):
            found[drug, unit][low, high] += 1
            bounds = BOUNDS.get(drug, {}).get(unit)
            if low > high or (bounds and not (bounds[0] <= low and high <= bounds[1])):
                complaints.setdefault((drug, low, high, unit, clause), f"{where}: outside the bounds")
            elif against := contradiction(doses.get(drug, []), low, high, unit, clause, part):
                complaints.setdefault((drug, low, high, unit, clause), f"{where}: {against}")

    for path in sorted(DATA.glob("*/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            record, records = json.loads(line), records + 1
            check(record["id"], record.get("output") or record.get("text"))
    for card in cards:
        for text in card_texts(card):
            check(card["id"], text)
        for dose in card.get("doses", []):
            bounds = BOUNDS.get(card["drug"], {}).get(dose["unit"])
            if bounds and not (bounds[0] <= dose["low"] and dose["high"] <= bounds[1]):
                key = (card["title"], dose["low"], dose["high"], dose["unit"], dose["indication"])
                complaints.setdefault(key, f"{card['id']}: outside the bounds")
    if "--ranges" in sys.argv[1:]:
        for (drug, unit), counter in sorted(found.items()):
            print(drug, unit, ", ".join(f"{a:g}-{b:g} ×{n}" for (a, b), n in sorted(counter.items())))
    for (drug, low, high, unit, clause), where in complaints.items():
        print(f"{where}: {drug} {low:g}-{high:g} {unit}: {clause[:90]}", file=sys.stderr)
    count = sum(sum(counter.values()) for counter in found.values())
    print(f"{records} records, {len(cards)} cards, {count} figures, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
