"""The rounds of Self-Instruct; see the package's docstring for the data's way."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..config import GenerateConfig, RunConfig
from ..endpoint import Client, Ledger, MalformedReply, Reply, Usage, open_clients
from ..errors import InputError
from ..progress import Progress
from ..taxonomy import CATEGORIES, FORMS
from . import prompts
from .filters import Novelty, TextFilter
from .tasks import PROVENANCE, Authorship, GeneratedTask, Task

Value = TypeVar("Value")


@dataclass
class Generated:
    """Accepted records, refused texts with their reasons, and what it took."""

    records: list[GeneratedTask] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    rounds: int = 0
    usage: dict[str, Usage] = field(default_factory=dict)


@dataclass(frozen=True)
class _Draft:
    """An instruction on its way to a record."""

    category: str
    form: str
    writer: str
    instruction: str
    instruction_by: Authorship
    examples: list[str]
    input: str = ""
    input_by: Authorship | None = None


class _Rounds:
    def __init__(self, config: RunConfig, seeds: Sequence[Task], clients: dict[str, Client]) -> None:
        assert config.generate is not None
        self._settings: GenerateConfig = config.generate
        self._seed = config.seed
        self._seeds = seeds
        self._clients = clients
        self._filter = TextFilter(self._settings.han_share, self._settings.forbidden)
        self._novelty = Novelty(self._settings.novelty)
        for task in seeds:
            self._novelty.add(task.instruction)
        self.result = Generated()

    async def next(self) -> None:
        """One round: requests side by side, replies used in the order of the prompts."""
        self.result.rounds += 1
        drafts = await self._instructions()
        instances = await self._all([self._instance(draft) for draft in drafts])
        drafts = [draft for draft in instances if draft is not None]
        for record in await self._all([self._record(draft) for draft in drafts]):
            if record is not None and len(self.result.records) < self._settings.records:
                self.result.records.append(record)

    async def _instructions(self) -> list[_Draft]:
        writers = self._settings.writers
        plans = []
        for index in range(self._settings.requests_per_round):
            number = (self.result.rounds - 1) * self._settings.requests_per_round + index
            # A seed of its own for each request: what is drawn depends on no other request.
            draw = random.Random(f"{self._seed}/{number}")
            category = list(CATEGORIES)[number % len(CATEGORIES)]
            form = draw.choice(list(FORMS))
            plans.append((number, writers[number % len(writers)], category, form, self._examples(draw, category, form)))
        replies = await self._all(
            [
                self._ask(
                    writer,
                    prompts.instruction_prompt(
                        examples, category, form, self._settings.instructions_per_request, number + 1
                    ),
                    prompts.parse_instructions,
                )
                for number, writer, category, form, examples in plans
            ]
        )
        drafts = []
        for (_, writer, category, form, examples), reply in zip(plans, replies, strict=True):
            if reply is None:
                continue
            instructions, author = reply
            for instruction in instructions[: self._settings.instructions_per_request]:
                reason = self._filter.reason(instruction, self._settings.instruction_characters)
                if reason is None:
                    score, like = self._novelty.nearest(instruction)
                    reason = f"not new: ROUGE-L {score:.2f} with {like}" if score else None
                if reason is not None:
                    self._reject("instruction", instruction, reason, writer)
                    continue
                self._novelty.add(instruction)
                shown = [task.id for task in examples]
                drafts.append(_Draft(category, form, writer, instruction, author, shown))
        return drafts

    def _examples(self, draw: random.Random, category: str, form: str) -> list[Task]:
        """Seed tasks, some of the same field or form for orientation, and earlier generated ones, shuffled."""
        near = [task for task in self._seeds if task.category == category or task.form == form]
        count = min(self._settings.seed_examples, len(self._seeds))
        chosen = draw.sample(near, min(len(near), count // 2))
        rest = [task for task in self._seeds if task not in chosen]
        chosen += draw.sample(rest, count - len(chosen))
        earlier = self.result.records
        chosen += draw.sample(earlier, min(len(earlier), self._settings.generated_examples))
        draw.shuffle(chosen)
        return chosen

    async def _instance(self, draft: _Draft) -> _Draft | None:
        reply = await self._ask(
            draft.writer, prompts.instance_prompt(draft.instruction, draft.form), prompts.parse_instance
        )
        if reply is None:
            return None
        given, author = reply
        reason = self._filter.reason(given, (0, self._settings.answer_characters[1])) if given else None
        if reason is not None:
            self._reject("input", given, reason, draft.writer)
            return None
        return _Draft(**{**draft.__dict__, "input": given, "input_by": author})

    async def _record(self, draft: _Draft) -> GeneratedTask | None:
        assert draft.input_by is not None
        draw = random.Random(f"{self._seed}/{draft.instruction}")
        same = [task for task in self._seeds if task.form == draft.form]
        solved = draw.sample(same, min(2, len(same)))
        reply = await self._ask(
            draft.writer,
            prompts.response_prompt(draft.instruction, draft.input, draft.form, solved),
            prompts.parse_response,
        )
        if reply is None:
            return None
        answer, author = reply
        reason = self._filter.reason(answer, self._settings.answer_characters)
        if reason is not None:
            self._reject("output", answer, reason, draft.writer)
            return None
        digest = hashlib.sha256(f"{draft.instruction}\n{draft.input}\n{answer}".encode()).hexdigest()
        return GeneratedTask(
            id=f"syn-{digest[:16]}",
            category=draft.category,
            form=draft.form,
            instruction=draft.instruction,
            input=draft.input,
            output=answer,
            provenance=PROVENANCE,
            prompt_version=prompts.VERSION,
            round=self.result.rounds,
            examples=draft.examples,
            instruction_by=draft.instruction_by,
            input_by=draft.input_by,
            output_by=author,
        )

    async def _ask(self, writer: str, messages: Any, parse: Any) -> tuple[Any, Authorship] | None:
        client = self._clients[writer]
        try:
            value, reply = await client.ask(messages, parse, tries=self._settings.tries, **self._parameters(client))
        except MalformedReply as error:
            self._reject("reply", "", f"malformed: {error}", writer)
            return None
        return value, self._author(client, reply)

    def _parameters(self, client: Client) -> dict[str, Any]:
        # An endpoint's own parameters win over those of the stage.
        return {**self._settings.parameters, **client.settings.parameters}

    def _author(self, client: Client, reply: Reply) -> Authorship:
        settings = client.settings
        return Authorship(
            endpoint=settings.name, model=settings.model, parameters=self._parameters(client), key=reply.key
        )

    def _reject(self, part: str, text: str, reason: str, writer: str) -> None:
        self.result.rejected.append(
            {"round": self.result.rounds, "part": part, "text": text, "reason": reason, "writer": writer}
        )

    @staticmethod
    async def _all(tasks: Sequence[Awaitable[Value]]) -> list[Value]:
        return list(await asyncio.gather(*tasks))


async def generate(config: RunConfig, seeds: Sequence[Task], ledger: Ledger, progress: Progress) -> Generated:
    """Write records until there are enough, or no more rounds.

    Raises:
        InputError: not one record could be made.
        EndpointError: an endpoint cannot be used; the ledger keeps what was paid.
    """
    assert config.generate is not None
    wanted = config.generate.records
    async with open_clients(map(config.endpoint, config.generate.writers), ledger) as clients:
        rounds = _Rounds(config, seeds, clients)
        with progress.count("records", wanted) as bar:
            while len(rounds.result.records) < wanted and rounds.result.rounds < config.generate.most_rounds:
                before = len(rounds.result.records)
                await rounds.next()
                bar.update(len(rounds.result.records) - before)
    result = rounds.result
    result.rejected.sort(key=lambda entry: (entry["round"], entry["part"], entry["text"], entry["reason"]))
    if not result.records:
        reasons = "; ".join(dict.fromkeys(entry["reason"] for entry in result.rejected[:3]))
        raise InputError(f"generate: {result.rounds} rounds gave no record; for example: {reasons or 'no replies'}")
    result.usage = {name: ledger.usage(name) for name in clients}
    return result
