"""``inspect``: what a run's folder holds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..inputs import Fields, present, read_bytes, reading
from ..journal import LINES_BYTES, parse_lines
from ..runs import MANIFEST, STAGES, damage, load_manifest


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="of the run")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(args: argparse.Namespace) -> None:
    with reading(args.folder):
        if not args.folder.is_dir():
            raise InputError(f"{args.folder} is no folder")
    found = describe(args.folder)
    if not found["stages"] and found["ledger"] is None:
        raise InputError(f"{args.folder} holds no stage and no ledger of a run")
    print(json.dumps(found, ensure_ascii=False, indent=1) if args.json else _text(found))


def describe(folder: Path) -> dict[str, Any]:
    """State and counts of every stage, earlier results, and what the ledger adds up to."""
    stages: dict[str, Any] = {}
    for stage in STAGES:
        if present(folder / stage / MANIFEST):
            stages[stage] = _stage(folder / stage)
        elif (folder / f".{stage}.partial").is_dir():
            stages[stage] = {"state": "under way, or stopped"}
        earlier = [path.name for path in sorted(folder.glob(f"*{stage}*.previous-*"))]
        if earlier:
            stages.setdefault(stage, {"state": "not made"})["earlier"] = earlier
    return {"folder": str(folder), "stages": stages, "ledger": _ledger(folder / "ledger.jsonl")}


def _stage(folder: Path) -> dict[str, Any]:
    try:
        manifest = load_manifest(folder)
    except InputError as error:
        return {"state": f"damaged: {error}"}
    problem = damage(folder, manifest)
    return {
        "state": f"damaged: {problem}" if problem else "finished",
        **{key: manifest[key] for key in ("finished", "seconds", "attempts", "counts")},
        "bytes": sum(record["bytes"] for record in manifest["outputs"]),
    }


def _ledger(path: Path) -> dict[str, Any] | None:
    if not present(path):
        return None
    endpoints: dict[str, Any] = {}
    # Without the lock, for a run may be under way; its last line may be half-written.
    whole, _, _ = read_bytes(path, LINES_BYTES).rpartition(b"\n")
    try:
        lines = parse_lines(whole.decode("utf-8"), path)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: byte {error.start}") from error
    for number, line in enumerate(lines, 1):
        fields = Fields(line, f"{path}: object {number}")
        sums = endpoints.setdefault(
            fields.text("endpoint"),
            {"requests": 0, "prompt_tokens": 0, "completion_tokens": 0, "cost": 0.0, "faults": 0},
        )
        if fields.text("event") == "fault":
            sums["faults"] += 1
            continue
        reply = fields.object("reply")
        sums["requests"] += 1
        for key in ("prompt_tokens", "completion_tokens"):
            sums[key] += reply.integer(key, 0, 1 << 50)
        sums["cost"] += reply.number("cost", 0, 1e12)
    return endpoints


def _text(found: dict[str, Any]) -> str:
    lines = [found["folder"]]
    for stage, facts in found["stages"].items():
        lines.append(f"{stage}: {facts['state']}")
        if "seconds" in facts:
            attempts = len(facts["attempts"])
            lines.append(
                f"  {facts['finished']}, {facts['seconds']:.0f} s in the last of {attempts} attempt(s), "
                f"{facts['bytes'] / (1 << 20):.1f} MiB"
            )
            lines += _counts(facts["counts"])
        lines += [f"  earlier result: {name}" for name in facts.get("earlier", [])]
    for name, sums in (found["ledger"] or {}).items():
        lines.append(
            f"endpoint {name}: {sums['requests']} replies, {sums['prompt_tokens']} + {sums['completion_tokens']} "
            f"tokens, cost {sums['cost']:.4f}, {sums['faults']} faults"
        )
    return "\n".join(lines)


def _counts(counts: dict[str, Any], indent: str = "  ") -> list[str]:
    lines = []
    for key, value in counts.items():
        if key == "endpoints":
            continue
        if isinstance(value, dict):
            lines += [f"{indent}{key}:", *_counts(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {value:.4g}" if isinstance(value, float) else f"{indent}{key}: {value}")
    return lines
