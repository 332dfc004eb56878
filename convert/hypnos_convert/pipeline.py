"""The stages of a run in order: generate, filter, train, merge, evaluate, package.

Each function reads what earlier stages left in the run's folder and leaves its own outputs there; `runs` sees to
skipping, resuming and manifests. What a stage's manifest calls its settings is all that decides its outputs, so that a
change makes that stage and those after it anew, and nothing else: addresses, keys, concurrency and prices of endpoints
are not among them, and what was paid is never paid again because the ledger is kept.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .config import RunConfig
from .endpoint import Ledger
from .errors import InputError
from .filter.rating import VERSION as RATING_PROMPTS
from .filter.report import html_report
from .filter.stage import (
    ContaminationError,
    check_contamination,
    count_outcomes,
    drop_duplicates,
    leave_out,
    rate,
)
from .generate import prompts
from .generate.stage import generate
from .generate.tasks import GeneratedTask, GivenTask, RatedTask, read_tasks
from .progress import Progress
from .runs import STAGES, Run

RECORDS = "records.jsonl"
KEPT = "kept.jsonl"


def run_stages(config: RunConfig, run: Run, stages: list[str]) -> None:
    """Run the given stages in order; those that are finished are skipped.

    Raises:
        ConvertError: a stage failed; what is finished is kept, and the same call goes on from there.
    """
    with run.lock():
        for stage in stages:
            _STAGES[stage](config, run)


def configured_stages(config: RunConfig) -> list[str]:
    """The stages that a configuration has sections for, in order.

    Raises:
        InputError: none.
    """
    stages = [stage for stage in ("generate", "filter") if getattr(config, stage) is not None]
    if config.train is not None:
        stages += ["train", "merge", "evaluate"]
        stages += ["package"] if config.package is not None else []
    if not stages:
        raise InputError("the configuration has no section generate, filter or train: nothing to do")
    return stages


def _section(config: RunConfig, name: str) -> Any:
    section = getattr(config, name)
    if section is None:
        raise InputError(f"the configuration has no section {name}")
    return section


def _identity(config: RunConfig, names: list[str]) -> list[dict[str, Any]]:
    """What decides an endpoint's replies."""
    return [config.endpoint(name).model_dump(include={"name", "model", "parameters"}) for name in names]


def run_generate(config: RunConfig, run: Run) -> None:
    section = _section(config, "generate")
    settings = {
        **section.model_dump(mode="json", exclude={"seeds"}),
        "seed": config.seed,
        "writers": _identity(config, section.writers),
        "prompts": prompts.VERSION,
    }
    with run.stage("generate", settings, [section.seeds]) as work:
        if work is None:
            return
        with Ledger(run.ledger_path) as ledger:
            made = asyncio.run(generate(config, read_tasks(section.seeds), ledger, run.progress))
        work.write_lines(RECORDS, [record.model_dump() for record in made.records])
        work.write_lines("rejected.jsonl", made.rejected)
        work.counts = {
            "records": len(made.records),
            "rejected": len(made.rejected),
            "rounds": made.rounds,
            "endpoints": {name: asdict(usage) for name, usage in made.usage.items()},
        }


def run_filter(config: RunConfig, run: Run) -> None:
    section = _section(config, "filter")
    given = section.records
    records = given.path if given else run.require("generate", RECORDS)
    settings = {
        **section.model_dump(mode="json", exclude={"benchmark": True, "records": {"path"} if given else True}),
        "raters": _identity(config, section.raters),
        "prompts": RATING_PROMPTS,
    }
    inputs = [records, *([section.benchmark] if section.benchmark else [])]
    with run.stage("filter", settings, inputs) as work:
        if work is None:
            return
        tasks: list[RatedTask] = (
            read_tasks(records, GivenTask, writer=given.writer) if given else read_tasks(records, GeneratedTask)
        )
        # Before anything is paid for.
        found = check_contamination(tasks, section, work.folder)
        if found:
            raise ContaminationError(found, work.write_lines("contaminated.jsonl", found))
        (work.folder / "contaminated.jsonl").unlink(missing_ok=True)
        with Ledger(run.ledger_path) as ledger:
            judged = asyncio.run(rate(config, tasks, ledger, run.progress))
            usage = {name: asdict(ledger.usage(name)) for name in section.raters}
        judged = drop_duplicates(leave_out(judged, section.exclude), section.duplicate_jaccard)
        counts = count_outcomes(judged)
        if not counts["kept"]:
            reasons = "; ".join(dict.fromkeys(reason for one in judged for reason in one.verdict.reasons[:1]))
            raise InputError(f"filter: none of {len(judged)} records is kept: {reasons[:300]}; see filter.thresholds")
        for outcome in counts:
            lines = [one.to_json() for one in judged if one.verdict.outcome == outcome]
            work.write_lines(f"{outcome}.jsonl", lines)
        work.write_text("report.html", html_report(judged, section))
        work.counts = {**counts, "endpoints": usage}


def run_train(config: RunConfig, run: Run) -> None:
    from .train.chat import open_tokenizer
    from .train.mixture import source_path
    from .train.phases import train_phases

    section = _section(config, "train")
    sources = [source for phase in section.phases for source in phase.data]
    kept = run.require("filter", KEPT) if any(source.from_filter for source in sources) else None
    if section.base is not None:
        open_tokenizer(section.base, section.chat_template)  # Named before the hashing of many gigabytes.
    settings = {"seed": config.seed, **section.model_dump(mode="json", exclude={"base", "chat_template", "accelerate"})}
    for phase in settings["phases"]:
        for source in phase["data"]:
            source["path"] = source["path"] and Path(source["path"]).name
    inputs = [section.base] if section.base else []
    inputs += dict.fromkeys(source_path(source, kept) for source in sources)
    inputs += [section.chat_template] if section.chat_template else []
    with run.stage("train", settings, inputs) as work:
        if work is not None:
            train_phases(config, work, kept, run.progress)


def run_merge(config: RunConfig, run: Run) -> None:
    import torch

    from .train.chat import open_tokenizer
    from .train.memory import memory_told
    from .train.merge import load_result, save_checkpoint
    from .train.phases import base_of, phase_folder

    section = _section(config, "train")
    run.require("train", "curves.png")
    trained = run.stage_folder("train")
    last = len(section.phases) - 1
    folder = phase_folder(trained, config, last)
    base = base_of(trained, config, last)
    settings = config.merge.model_dump(mode="json")
    with run.stage("merge", settings, [folder / "trained", base]) as work:
        if work is None:
            return
        tokenizer = open_tokenizer(base_of(trained, config, 0), section.chat_template)
        with memory_told("merging needs the model in fp32, four bytes a weight"):
            model, moved = load_result(base, folder / "trained", section.phases[last].method)
            save_checkpoint(model, tokenizer, work.folder / "model", getattr(torch, config.merge.dtype))
        work.counts = {"merge_logit_change": moved, "parameters": sum(p.numel() for p in model.parameters())}


def run_evaluate(config: RunConfig, run: Run) -> None:
    from .journal import read_lines
    from .smoke import smoke_evaluation
    from .train.chat import Example
    from .train.phases import phase_folder

    section = _section(config, "train")
    model = run.require("merge", "model")
    run.require("train", "curves.png")
    heldout = phase_folder(run.stage_folder("train"), config, len(section.phases) - 1) / "heldout_texts.jsonl"
    settings = {**config.evaluate.model_dump(mode="json"), "system_prompt": section.system_prompt}
    with run.stage("evaluate", settings, [model, heldout]) as work:
        if work is None:
            return
        examples = [Example(**line) for line in read_lines(heldout)]
        scores, answers = smoke_evaluation(model, examples, section.system_prompt, config.evaluate, run.progress)
        work.write_lines(
            "answers.jsonl",
            [{**asdict(a), "degenerate": a.degenerate, "key_point_overlap": round(a.overlap, 4)} for a in answers],
        )
        work.write_text("scores.json", json.dumps(scores, indent=1) + "\n")
        work.counts = scores
        run.progress.say(
            f"smoke evaluation of {scores['questions']} held-out questions: loss {scores['heldout_loss']:.3f}, "
            f"{scores['ended']:.0%} end by themselves, {scores['degenerate']:.0%} degenerate, "
            f"key-point overlap {scores['key_point_overlap']:.0%}"
        )


def run_package(config: RunConfig, run: Run) -> None:
    from .chat_template import TemplateOptions
    from .package import NOTICE_EN, NOTICE_ZH, Description, ModelOptions, make_package

    section = _section(config, "package")
    train = _section(config, "train")
    model = run.require("merge", "model")
    settings = section.model_dump(mode="json")
    with run.stage("package", settings, [model]) as work:
        if work is None:
            return
        out = work.folder / section.id
        if (out / "hypnos-package.json").exists():
            return  # Killed between the package's own commit and the stage's.
        description = Description(
            id=section.id,
            version=section.version,
            title_zh=section.title_zh,
            title_en=section.title_en,
            licence=section.licence,
            base=section.base or (train.base.name if train.base else "from scratch"),
            stages=tuple(f"{phase.name}: {phase.method}, {phase.epochs:g} epochs" for phase in train.phases),
            data=_provenance(config, run),
            notice_zh=section.notice_zh or NOTICE_ZH,
            notice_en=section.notice_en or NOTICE_EN,
        )
        made = make_package(
            ModelOptions(model, section.quantization, section.context_window),
            out,
            targets=tuple(section.targets),
            description=description,
            template=TemplateOptions(system_prompt=section.system_prompt or train.system_prompt),
            progress=run.progress,
        )
        work.counts = {"files": len(made["files"]), "bytes": sum(file["bytes"] for file in made["files"])}


def _provenance(config: RunConfig, run: Run) -> tuple[str, ...]:
    from .runs import read_manifest

    assert config.train is not None
    manifest = read_manifest(run.stage_folder("train")) or {"counts": {}}
    lines = []
    for phase in config.train.phases:
        counts = manifest["counts"].get(phase.name, {})
        sources = ", ".join(f"{name[2:]} ({count})" for name, count in counts.get("sources", {}).items())
        lines.append(f"{phase.name}: {counts.get('train', 0)} records from {sources}")
    return tuple(lines)


_STAGES: dict[str, Callable[[RunConfig, Run], None]] = {
    "generate": run_generate,
    "filter": run_filter,
    "train": run_train,
    "merge": run_merge,
    "evaluate": run_evaluate,
    "package": run_package,
}
assert tuple(_STAGES) == STAGES


def open_run(config: RunConfig, file: Path, folder: Path | None, progress: Progress) -> Run:
    """The run's folder: the one given, or ``runs/NAME`` beside the YAML."""
    return Run(folder or file.parent.absolute() / "runs" / config.name, progress)
