"""Any OpenAI-compatible endpoint. Likelihoods are not asked for: too few servers give those of all the letters."""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType

from ...endpoint import Client, EndpointSettings, Ledger
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
        self._settings = EndpointSettings(
            name=slug,
            base_url=base_url,
            model=model,
            api_key_env=api_key_env,
            parameters={"temperature": 0},
            concurrency=concurrency,
        )
        self._ledger = Ledger(cache / f"{slug}.ledger.jsonl")

    async def __aenter__(self) -> EndpointTarget:
        self._ledger.__enter__()
        self._client = Client(self._settings, self._ledger)
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.__aexit__(kind, error, trace)
        self._ledger.__exit__(kind, error, trace)

    async def answer(self, request: Request) -> Answer:
        reply = await self._client.complete(request.messages, max_tokens=request.max_tokens)
        return Answer(reply.text, reply.finish_reason)
