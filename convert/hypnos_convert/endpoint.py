"""One client for every OpenAI-compatible endpoint: generators, raters, judges and models under test.

The data's way: a request (messages and parameters) gets a key, the SHA-256 of its canonical JSON. If the ledger has a
reply under that key, that reply is the answer and nothing is sent. Otherwise the request waits for a free slot and for
the rate limit, is sent, is retried on faults that pass (429, 5xx, time-outs, broken connections, bodies that are no
chat completion), and its reply is in the ledger, on the disk, before the caller sees it. A run that was killed thus
pays again only for requests that were under way at that moment, at most ``concurrency`` of them.

A reply that arrived but does not say what was asked for (``Client.ask``) has been paid: it stays in the ledger, and
the question is asked again with a word on what was wrong, which makes it another request with another key.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import openai
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from .errors import ConvertError, InputError, OutputError
from .inputs import Fields, one_line
from .journal import Journal

Message = Mapping[str, str]
"""``role`` (system, user or assistant) and ``content``."""

Parsed = TypeVar("Parsed")


class EndpointError(ConvertError):
    """An endpoint cannot be used: unreachable, wrong key, unknown model, or no proper reply after all retries."""

    exit_code = 6


class MalformedReply(EndpointError):
    """The model answered, but after all attempts not in the form that was asked for."""


class BudgetError(EndpointError):
    """The budget is spent."""


def _address(url: str) -> str:
    """The address, if a client can be made for it: one that nobody can reach is found out when it is asked."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
        host.encode("idna")
        url.encode()
    except ValueError as error:
        raise ValueError(f"no address of an endpoint: {one_line(error)}") from None
    if not host or not url.isprintable() or " " in url or len(url) > 2000:
        raise ValueError("no address of an endpoint: it must look like http://host:port/v1")
    return url


class EndpointSettings(BaseModel):
    """How one endpoint is reached, how hard it may be driven and what it costs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9._-]+$", description="short name, kept in records as their writer or rater")
    base_url: Annotated[str, AfterValidator(_address)] = Field(
        pattern=r"^https?://", description="up to and including /v1"
    )
    model: str = Field(min_length=1)
    api_key_env: str | None = Field(None, description="environment variable that holds the key; none for local servers")
    parameters: dict[str, Any] = Field(default_factory=dict, description="sent with every request, e.g. temperature")
    concurrency: int = Field(4, ge=1, le=1024)
    requests_per_minute: float | None = Field(None, gt=0)
    tokens_per_minute: float | None = Field(None, gt=0)
    timeout_seconds: float = Field(120, gt=0)
    attempts: int = Field(6, ge=1, description="times a request is sent before the run stops")
    backoff_seconds: float = Field(1.0, ge=0, description="wait before the second attempt; doubles each time")
    price_per_million_prompt_tokens: float = Field(0.0, ge=0)
    price_per_million_completion_tokens: float = Field(0.0, ge=0)
    budget: float | None = Field(None, gt=0, description="most that the ledger may have cost, in the price's currency")


@dataclass(frozen=True)
class Reply:
    """What an endpoint answered.

    ``cost`` is in the currency of the settings' prices; ``attempts`` counts how often the request was sent in the run
    that got the reply; ``seconds`` is the time of the attempt that succeeded.
    """

    key: str
    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cost: float
    attempts: int
    seconds: float


@dataclass(frozen=True)
class Usage:
    """Sums over a ledger; ``faults`` counts attempts that ended in an error."""

    requests: int
    prompt_tokens: int
    completion_tokens: int
    cost: float
    faults: int


class Ledger:
    """All replies of one or several endpoints, by request key, in an append-only JSONL file.

    Raises:
        OutputError: another process holds it, or it cannot be written.
        InputError: a line other than a torn last one is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self._journal = Journal(path)
        self._replies: dict[str, Reply] = {}
        self.broken = False
        """It could not be written: nothing more may be asked, for the reply would be paid and lost."""

    def __enter__(self) -> Ledger:
        with ExitStack() as opened:
            opened.enter_context(self._journal)
            for number, line in enumerate(self._journal.lines, start=1):
                if line.get("event") == "fault":
                    continue
                try:
                    reply = _written_reply(line)
                except (InputError, TypeError) as error:
                    raise InputError(f"{self.path}: entry {number} is no reply of an endpoint: {error}") from error
                self._replies[reply.key] = reply
            opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._journal.__exit__(kind, error, trace)

    @property
    def path(self) -> Path:
        return self._journal.path

    def find(self, key: str) -> Reply | None:
        return self._replies.get(key)

    def enter(self, endpoint: str, model: str, reply: Reply) -> None:
        """Write a paid reply down."""
        self._append({"event": "reply", "endpoint": endpoint, "model": model, "reply": asdict(reply)})
        self._replies[reply.key] = reply

    def enter_fault(self, endpoint: str, key: str, fault: str) -> None:
        """Write down that an attempt failed, for the account."""
        self._append({"event": "fault", "endpoint": endpoint, "key": key, "fault": fault})

    def _append(self, line: dict[str, Any]) -> None:
        try:
            self._journal.append(line)
        except OutputError:
            self.broken = True
            raise

    def usage(self, endpoint: str | None = None) -> Usage:
        """What the ledger holds, of one endpoint or of all."""
        lines = [line for line in self._journal.lines if endpoint in (None, line.get("endpoint"))]
        replies = [line["reply"] for line in lines if line.get("event") == "reply"]
        return Usage(
            requests=len(replies),
            prompt_tokens=sum(reply["prompt_tokens"] for reply in replies),
            completion_tokens=sum(reply["completion_tokens"] for reply in replies),
            cost=sum(reply["cost"] for reply in replies),
            faults=len(lines) - len(replies),
        )


class RateLimit:
    """Spaces requests out: each moves the earliest start of the next one by its share of a minute."""

    def __init__(self, requests_per_minute: float | None, tokens_per_minute: float | None) -> None:
        self._per_request = 60 / requests_per_minute if requests_per_minute else 0.0
        self._per_token = 60 / tokens_per_minute if tokens_per_minute else 0.0
        self._next_start = 0.0

    async def wait(self) -> None:
        """Return when a request may start."""
        now = time.monotonic()
        start = max(now, self._next_start)
        self._next_start = start + self._per_request
        if start > now:
            await asyncio.sleep(start - now)

    def spent(self, tokens: int) -> None:
        """Account for tokens, known only after the reply."""
        if self._per_token:
            self._next_start = max(time.monotonic(), self._next_start) + tokens * self._per_token

    def pause(self, seconds: float) -> None:
        """Let nothing start for a while: the server asked for it."""
        self._next_start = max(self._next_start, time.monotonic() + seconds)


class Client:
    """Asynchronous client of one endpoint; several may share a ledger.

    Use as an asynchronous context manager. ``complete`` may be called from any number of tasks: at most
    ``settings.concurrency`` requests are under way, and equal requests are sent once.

    Raises:
        EndpointError: the key's environment variable is not set.
    """

    def __init__(self, settings: EndpointSettings, ledger: Ledger) -> None:
        self.settings = settings
        self._ledger = ledger
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._limit = RateLimit(settings.requests_per_minute, settings.tokens_per_minute)
        self._under_way: dict[str, asyncio.Future[Reply]] = {}
        self._closing = False
        self._cost = ledger.usage(settings.name).cost
        key = _api_key(settings)
        try:
            self._client = openai.AsyncOpenAI(
                base_url=settings.base_url,
                api_key=key,
                timeout=settings.timeout_seconds,
                max_retries=0,  # Retries are ours: they must be counted, paced and written down.
            )
        except Exception as error:
            # Of whatever the library's HTTP client dislikes: the address, a proxy named in the environment.
            raise EndpointError(f"{self._where()}: cannot be used: {one_line(error)}") from error

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)
        await self._client.close()

    def stop(self) -> None:
        """Send nothing new. What is under way is being paid for: it may still arrive and be written down."""
        self._closing = True

    async def complete(self, messages: Sequence[Message], *, draw: int = 0, **parameters: Any) -> Reply:
        """One chat completion, from the ledger if it has been paid before.

        Args:
            messages: the conversation so far.
            draw: tells apart several samples of one request.
            parameters: as of the API (temperature, max_tokens, response_format ...); they override the settings'.

        Raises:
            EndpointError: the endpoint refuses the request, or every attempt failed.
            BudgetError: the budget is spent.
        """
        request = {"messages": [dict(message) for message in messages], **self.settings.parameters, **parameters}
        key = request_key(self.settings, request, draw)
        found = self._ledger.find(key)
        if found is not None:
            return found
        if key not in self._under_way:
            self._under_way[key] = asyncio.ensure_future(self._send(key, request))
            self._under_way[key].add_done_callback(lambda _: self._under_way.pop(key, None))
        # Shielded: a caller that is cancelled must not cancel a reply that others wait for, or that is paid already.
        return await asyncio.shield(self._under_way[key])

    async def ask(
        self,
        messages: Sequence[Message],
        parse: Callable[[str], Parsed],
        *,
        tries: int = 3,
        draw: int = 0,
        **parameters: Any,
    ) -> tuple[Parsed, Reply]:
        """A completion whose text ``parse`` accepts.

        ``parse`` raises ValueError for a malformed text. The model is then shown its text and the error, at most
        ``tries`` times in all.

        Raises:
            MalformedReply: no text was acceptable; the message holds the last error.
        """
        conversation = list(messages)
        problem = ""
        for _ in range(tries):
            reply = await self.complete(conversation, draw=draw, **parameters)
            try:
                return parse(reply.text), reply
            except ValueError as error:
                problem = str(error)
            # Without the earlier failures: each retry shows the newest one, and the prompt stays short.
            conversation = [
                *messages,
                {"role": "assistant", "content": reply.text},
                {"role": "user", "content": f"上面的回复格式有误（{problem}）。请重新回复，只输出符合要求的内容。"},
            ]
        raise MalformedReply(f"{self.settings.name}: {tries} malformed replies, the last one: {problem}")

    async def _send(self, key: str, request: dict[str, Any]) -> Reply:
        async with self._slots:
            fault = ""
            for attempt in range(1, self.settings.attempts + 1):
                await self._limit.wait()
                if self._closing or self._ledger.broken:
                    raise EndpointError(f"{self._where()}: the run is ending")
                self._check_budget()
                start = time.monotonic()
                try:
                    completion = await self._client.chat.completions.create(model=self.settings.model, **request)
                    reply = self._reply(key, completion, attempt, time.monotonic() - start)
                except TypeError as error:
                    raise EndpointError(f"{self.settings.name}: the parameters do not fit the API: {error}") from error
                except (openai.APIError, ValueError, RecursionError, _NoCompletion) as error:
                    fault = _describe(error)
                    self._ledger.enter_fault(self.settings.name, key, fault)
                    if not _passes(error):
                        raise EndpointError(f"{self._where()}: {fault}{_advice(error, self.settings)}") from error
                    if attempt < self.settings.attempts:
                        await self._back_off(attempt, error)
                    continue
                self._ledger.enter(self.settings.name, self.settings.model, reply)
                self._cost += reply.cost
                self._limit.spent(reply.prompt_tokens + reply.completion_tokens)
                return reply
        raise EndpointError(
            f"{self._where()}: no reply after {self.settings.attempts} attempts, the last fault: {fault}; "
            "replies so far are kept, run the same command when the endpoint answers"
        )

    def _reply(self, key: str, completion: Any, attempt: int, seconds: float) -> Reply:
        # The library builds its objects of whatever JSON has come.
        choices = getattr(completion, "choices", None)
        message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
        if message is None:
            raise _NoCompletion("the body is no chat completion")
        text = getattr(message, "content", None)
        if not isinstance(text, str):
            raise _NoCompletion("the completion has no text")
        usage = getattr(completion, "usage", None)
        prompt, generated = (_count(usage, name) for name in ("prompt_tokens", "completion_tokens"))
        cost = (
            prompt * self.settings.price_per_million_prompt_tokens
            + generated * self.settings.price_per_million_completion_tokens
        ) / 1e6
        reason = _whole(str(getattr(choices[0], "finish_reason", None)))
        return Reply(key, _whole(text), reason, prompt, generated, cost, attempt, round(seconds, 3))

    def _check_budget(self) -> None:
        budget = self.settings.budget
        if budget is not None and self._cost >= budget:
            raise BudgetError(
                f"{self.settings.name}: the budget of {budget:g} is spent ({self._cost:.4f}); "
                "raise it in the configuration and run the same command to go on"
            )

    async def _back_off(self, attempt: int, error: Exception) -> None:
        wait = self.settings.backoff_seconds * 2 ** (attempt - 1)
        # Half of it at random, so that requests that failed together do not come back together.
        wait = min(60.0, wait) * (0.5 + random.random() / 2)
        asked = _retry_after(error)
        if asked is not None:
            self._limit.pause(asked)
            wait = max(wait, asked)
        await asyncio.sleep(wait)

    def _where(self) -> str:
        return f"{self.settings.name} ({self.settings.base_url}, model {self.settings.model})"


@asynccontextmanager
async def open_clients(settings: Iterable[EndpointSettings], ledger: Ledger) -> AsyncIterator[dict[str, Client]]:
    """Clients of several endpoints by name. When the block ends, by an error of one of them too, all stop at once."""
    async with AsyncExitStack() as stack:
        clients = {one.name: await stack.enter_async_context(Client(one, ledger)) for one in settings}
        try:
            yield clients
        finally:
            for client in clients.values():
                client.stop()


def _written_reply(line: Mapping[str, Any]) -> Reply:
    """The reply of a ledger's line.

    Raises:
        InputError, TypeError: it is none.
    """
    fields = Fields(line, "the line").object("reply")
    fields.text("key")
    for name in ("prompt_tokens", "completion_tokens"):
        fields.integer(name, 0, 1 << 50)
    for name in ("cost", "seconds"):
        fields.number(name, 0, 1e12)
    reply = Reply(**fields.value)
    if not isinstance(reply.text, str):
        fields.refuse("text", "a text")
    return reply


def _count(usage: Any, name: str) -> int:
    """Tokens as the server counts them; 0 where it does not say."""
    value = getattr(usage, name, None)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 50 else 0


def _whole(text: str) -> str:
    """A text that can be written as UTF-8: JSON may bring half of a surrogate pair."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _NoCompletion(Exception):
    """The server answered with status 200 but not with a chat completion."""


def request_key(settings: EndpointSettings, request: Mapping[str, Any], draw: int) -> str:
    """SHA-256 of endpoint name, model, request and draw; the address is left out, servers move."""
    identity = {"endpoint": settings.name, "model": settings.model, "request": request, "draw": draw}
    return hashlib.sha256(json.dumps(identity, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _api_key(settings: EndpointSettings) -> str:
    if settings.api_key_env is None:
        return "none"  # The library insists on a key; local servers ignore it.
    key = os.environ.get(settings.api_key_env)
    if not key:
        raise EndpointError(f"{settings.name}: the environment variable {settings.api_key_env} holds no API key")
    if not (key.isascii() and key.isprintable()):
        raise EndpointError(
            f"{settings.name}: the key in {settings.api_key_env} cannot be sent: it holds a character that is not "
            "printable ASCII, such as a line feed or a Chinese quotation mark"
        )
    return key


def _passes(error: Exception) -> bool:
    """Whether the fault may go away by itself."""
    if isinstance(error, openai.APIStatusError):
        return error.status_code in (408, 409, 425, 429) or error.status_code >= 500
    return True


def _describe(error: Exception) -> str:
    if isinstance(error, openai.APITimeoutError):
        return "no answer in time"
    if isinstance(error, openai.APIConnectionError):
        return f"cannot be reached ({error.__cause__ or error})"
    if isinstance(error, openai.APIStatusError):
        return f"HTTP {error.status_code}: {' '.join(str(error.message).split())[:200]}"
    if isinstance(error, (ValueError, RecursionError)):
        return "the body is no JSON"
    return str(error)


def _advice(error: Exception, settings: EndpointSettings) -> str:
    if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
        return f"; check the key in {settings.api_key_env or 'api_key_env'}"
    if isinstance(error, openai.NotFoundError):
        return "; check base_url and model"
    return ""


def _retry_after(error: Exception) -> float | None:
    if not isinstance(error, openai.APIStatusError):
        return None
    try:
        return max(0.0, float(error.response.headers.get("retry-after", "")))
    except ValueError:
        return None  # Absent, or a date, which the backoff covers well enough.
