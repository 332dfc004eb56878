"""The steps of cross-filtering in order; see the package's docstring for the data's way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..config import FilterConfig, RunConfig
from ..endpoint import Client, Ledger, MalformedReply, open_clients
from ..errors import InputError
from ..generate.tasks import RatedTask
from ..progress import Progress
from .benchmark import read_questions
from .rating import RESPONSE_FORMAT, Rating, parse_scores, raters_of, rating_prompt
from .similarity import SimilarTexts
from .verdict import Verdict, decide


@dataclass(frozen=True)
class Judged:
    """A record with its ratings and what became of it."""

    task: RatedTask
    ratings: list[Rating]
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        return {
            **self.task.model_dump(),
            "ratings": [rating.model_dump() for rating in self.ratings],
            "verdict": asdict(self.verdict),
        }


class ContaminationError(InputError):
    """Records are too like benchmark items."""

    def __init__(self, found: list[dict[str, Any]], file: Path) -> None:
        self.found = found
        first = found[0]
        super().__init__(
            f"filter: {len(found)} record(s) resemble benchmark items, first {first['id']} and {first['item']} "
            f"(Jaccard {first['jaccard']:.2f}); all are listed in {file}: add their ids to filter.exclude"
        )


def check_contamination(tasks: Sequence[RatedTask], settings: FilterConfig, file: Path) -> list[dict[str, Any]]:
    """Pairs of record and benchmark item whose questions are alike; empty without a benchmark.

    Raises:
        InputError: the benchmark cannot be read.
    """
    if settings.benchmark is None:
        return []
    known = SimilarTexts(settings.contamination_jaccard)
    questions = read_questions(settings.benchmark)
    for key, text in questions.items():
        known.add(key, text)
    found = []
    for task in tasks:
        if task.id in settings.exclude:
            continue
        # With the case details and without them: either may be what the benchmark asks.
        nearest = known.nearest(task.question) or known.nearest(task.instruction)
        if nearest is not None:
            item, value = nearest
            found.append({"id": task.id, "item": item, "jaccard": round(value, 3), "question": task.question})
    return found


async def rate(config: RunConfig, tasks: Sequence[RatedTask], ledger: Ledger, progress: Progress) -> list[Judged]:
    """Ratings and verdicts of all records, in their order.

    Raises:
        InputError: a record has too few raters of another model.
        EndpointError: an endpoint cannot be used; the ledger keeps what was paid.
    """
    settings = config.filter
    assert settings is not None
    raters = {task.id: raters_of(task, config) for task in tasks}
    async with open_clients(map(config.endpoint, settings.raters), ledger) as clients:
        with progress.count("ratings", sum(map(len, raters.values()))) as bar:

            async def one(task: RatedTask, rater: str) -> Rating:
                rating = await _rating(clients[rater], task, settings)
                bar.update(1)
                return rating

            pairs = [(task, rater) for task in tasks for rater in raters[task.id]]
            ratings = iter(await asyncio.gather(*(one(task, rater) for task, rater in pairs)))
    judged = []
    for task in tasks:
        own = [next(ratings) for _ in raters[task.id]]
        judged.append(Judged(task, own, decide(own, settings)))
    return judged


async def _rating(client: Client, task: RatedTask, settings: FilterConfig) -> Rating:
    name, model = client.settings.name, client.settings.model
    parameters = {**settings.parameters, **client.settings.parameters}
    if settings.structured:
        parameters["response_format"] = RESPONSE_FORMAT
    try:
        scores, reply = await client.ask(rating_prompt(task), parse_scores, tries=settings.tries, **parameters)
    except MalformedReply as error:
        return Rating(rater=name, model=model, scores=None, problem=str(error))
    return Rating(rater=name, model=model, scores=scores, key=reply.key)


def drop_duplicates(judged: Sequence[Judged], threshold: float) -> list[Judged]:
    """The same records in the same order; kept ones that resemble a better-rated kept one are dropped."""
    seen = SimilarTexts(threshold)
    changed: dict[str, Judged] = {}
    kept = [one for one in judged if one.verdict.outcome == "kept"]
    for one in sorted(kept, key=lambda one: (-one.verdict.scores["mean"], one.task.id)):
        text = f"{one.task.question}\n{one.task.output}"
        nearest = seen.nearest(text)
        if nearest is None:
            seen.add(one.task.id, text)
        else:
            reason = f"near-duplicate of {nearest[0]} (Jaccard {nearest[1]:.2f})"
            changed[one.task.id] = replace(one, verdict=replace(one.verdict, outcome="dropped", reasons=(reason,)))
    return [changed.get(one.task.id, one) for one in judged]


def leave_out(judged: Sequence[Judged], excluded: Sequence[str]) -> list[Judged]:
    """Drop what the configuration excludes.

    Raises:
        InputError: an excluded id is no record's.
    """
    unknown = sorted(set(excluded) - {one.task.id for one in judged})
    if unknown:
        raise InputError(f"filter.exclude: no record is called {unknown[0]}")
    return [
        replace(one, verdict=replace(one.verdict, outcome="dropped", reasons=("excluded by the configuration",)))
        if one.task.id in excluded
        else one
        for one in judged
    ]


def count_outcomes(judged: Sequence[Judged]) -> dict[str, int]:
    """Records by outcome."""
    counts = Counter(one.verdict.outcome for one in judged)
    return {outcome: counts[outcome] for outcome in ("kept", "dropped", "undecided")}
