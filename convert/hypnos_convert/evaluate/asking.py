"""Puts items to a target: what the cache holds is not asked, the rest is, several at a time, and kept as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import ConvertError
from .cache import AnswerCache
from .items import Item
from .metrics import Answer
from .result import Result
from .targets import Request, Target

Tick = Callable[[int], None]
"""Called with how many more items have an answer."""


def ask_all(
    target: Target, items: Sequence[Item], cache: Path, *, max_tokens: int | None = None, tick: Tick = lambda _: None
) -> list[Answer]:
    """An answer for each item, in their order.

    Args:
        cache: folder of answers; a run that was stopped goes on from there.
        max_tokens: instead of the limits in ``prompts``.

    Raises:
        ConvertError: the target failed; what it answered is kept.
    """
    return ask_requests(target, [Request.of(item, max_tokens) for item in items], cache, tick=tick)


def ask_requests(
    target: Target, requests: Sequence[Request], cache: Path, *, tick: Tick = lambda _: None
) -> list[Answer]:
    """As ``ask_all``, for requests of any kind."""
    return asyncio.run(_ask(target, requests, cache, tick))


async def _ask(target: Target, requests: Sequence[Request], cache: Path, tick: Tick) -> list[Answer]:
    with AnswerCache(cache, target.name, target.identity) as answers:
        pending = [request for request in requests if answers.find(request) is None]
        tick(len(requests) - len(pending))
        # A model is loaded only if there is something to ask it.
        if pending:
            queue = iter(pending)

            async def worker() -> None:
                for request in queue:
                    answers.enter(request, await target.answer(request))
                    tick(1)

            async with target:
                try:
                    async with asyncio.TaskGroup() as group:
                        for _ in range(min(target.concurrency, len(pending))):
                            group.create_task(worker())
                except* ConvertError as errors:
                    raise errors.exceptions[0] from None
        return [answers.find(request) for request in requests]


def texts(result: Result, items: Sequence[Item], cache: Path) -> dict[str, str]:
    """The answers of a result to some items, by id. Those to private items are only in the cache."""
    private = [item for item in items if item.private]
    found = {item.id: result.answers[item.id]["text"] for item in items if item.id in result.answers}
    if private:
        target = result.about["target"]
        # The limit is part of a request's key.
        limits = result.about["parameters"]["max_tokens"]
        with AnswerCache(cache, target["name"], target["identity"]) as answers:
            for item in private:
                answer = answers.find(Request.of(item, limits[item.kind]))
                if answer is not None:
                    found[item.id] = answer.text
    return found
