"""Any OpenAI-compatible endpoint. Likelihoods are not asked for: too few servers give those of all the letters."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType

from pydantic import ValidationError

from ...endpoint import Client, EndpointSettings, Ledger
from ...errors import InputError
from ..metrics import Answer
from .base import Request, Target


class EndpointTarget(Target):
    """Every reply is in a ledger on the disk before it is used: a killed run asks nothing twice."""

    kind = "endpoint"

    def __init__(
        self,
        base_url: str,
        model: str,
        cache: Path,
        *,
        api_key_env: str | None = None,
        name: str | None = None,
        concurrency: int = 4,
    ) -> None:
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-") or "model"
        self.name = name or model
        # Without the address: servers move, and the same model is the same target.
        self.identity = {"kind": self.kind, "model": model, "parameters": {"temperature": 0}}
        self.concurrency = concurrency
        try:
            self._settings = EndpointSettings(
                name=slug,
                base_url=base_url,
                model=model,
                api_key_env=api_key_env,
                parameters={"temperature": 0},
                concurrency=concurrency,
            )
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{base_url}: {'/'.join(map(str, first['loc']))}: {first['msg']}") from error
        self._ledger = Ledger(cache / f"{slug}.ledger.jsonl")

    async def __aenter__(self) -> EndpointTarget:
        async with AsyncExitStack() as opened:
            opened.enter_context(self._ledger)
            self._client = await opened.enter_async_context(Client(self._settings, self._ledger))
            self._opened = opened.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.__aexit__(kind, error, trace)

    async def answer(self, request: Request) -> Answer:
        reply = await self._client.complete(request.messages, max_tokens=request.max_tokens)
        return Answer(reply.text, reply.finish_reason)
