"""A real headless Chromium with software WebGPU that runs web-llm on a package and hands back what the model computed.

    with Browser() as browser, browser.open(folder, "x-software.wasm") as session:
        answer = session.complete("prompt", max_tokens=32, temperature=0, ignore_eos=True)
        answer.logits      # (steps, vocabulary) float32, before bias and penalties
        answer.positions   # (steps,) number of tokens in the KV cache behind each row
        answer.stream      # token ids in the KV cache

One browser serves a whole test session; each package gets a page and a browser context of its own.
"""

from __future__ import annotations

import base64
import json
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
ANSWER_TIMEOUT = 600.0
"""Seconds after which the browser counts as hung; far above anything a loaded machine needs."""


class PageError(RuntimeError):
    """The page, web-llm, the library or WebGPU reported an error."""


@dataclass(frozen=True)
class Answer:
    """What one request computed. Rows of ``logits`` are the model's, rows of ``edited`` those after bias and penalties.

    ``positions[i]`` tokens of ``stream`` were in the KV cache when row i was computed; ``chunks`` are the lengths in
    which the model was fed.
    """

    text: str
    finish_reason: str | None
    usage: Mapping[str, Any]
    tokens: list[int]
    stream: list[int]
    positions: list[int]
    chunks: list[int]
    logits: np.ndarray
    edited: np.ndarray


class Session:
    """A package loaded by web-llm in a page."""

    def __init__(self, browser: Browser, page: int, load_ms: float) -> None:
        self._browser = browser
        self._page = page
        self.load_ms = load_ms

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._browser.request("close", page=self._page)

    def complete(self, prompt: str, **request: Any) -> Answer:
        """Text completion of ``prompt``: the prompt's tokens and nothing else, in an emptied KV cache."""
        return self._run("completion", {"prompt": prompt, **request}, fresh=True)

    def chat(self, messages: Sequence[Mapping[str, str]], *, fresh: bool = True, **request: Any) -> Answer:
        """Chat completion; with ``fresh=False`` the KV cache of the conversation so far stays."""
        return self._run("chat", {"messages": list(messages), **request}, fresh=fresh)

    def prefill(self, ids: Sequence[int], *, fresh: bool = True) -> Answer:
        """Feed token ids and return the logits behind the last one."""
        return _answer(self._call("tokens", ids=[int(i) for i in ids], fresh=fresh))

    def edit(
        self,
        logits: np.ndarray,
        *,
        mask: Sequence[int] | None = None,
        bias: Mapping[int, float] | None = None,
        counts: Mapping[int, int] | None = None,
        penalties: tuple[float, float, float] | None = None,
    ) -> np.ndarray:
        """Logits (vocabulary,) after the library's own functions.

        ``mask`` holds int32 words, one bit per token; ``counts`` how often a token has appeared; ``penalties`` are
        presence, frequency and repetition.
        """
        edited = self._call("edit", logits=_pack(logits), mask=mask, bias=bias, counts=counts, penalties=penalties)
        return _unpack(edited)

    def sample(
        self, logits: np.ndarray, uniforms: Iterable[float], *, temperature: float = 1.0, top_p: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """The library's softmax (vocabulary,) of ``logits`` and the token it draws for each uniform number."""
        result = self._call(
            "sample",
            logits=_pack(logits),
            uniforms=_pack(np.fromiter(uniforms, np.float32)),
            temperature=temperature,
            topP=top_p,
        )
        return _unpack(result["probabilities"]), np.asarray(result["tokens"])

    def draw(self, logits: np.ndarray, count: int, *, seed: int, **config: float) -> np.ndarray:
        """``count`` tokens drawn by web-llm from its own random numbers."""
        return np.asarray(self._call("draw", logits=_pack(logits), count=count, seed=seed, config=config))

    def _run(self, api: str, request: Mapping[str, Any], *, fresh: bool) -> Answer:
        return _answer(self._call("run", api=api, request=request, fresh=fresh))

    def _call(self, name: str, **args: Any) -> Any:
        return self._browser.request("call", page=self._page, name=name, args=args)


class CpuSession:
    """A package loaded by the page's CPU engine, in a page of its own."""

    def __init__(self, browser: Browser, page: int, context_window: int) -> None:
        self._browser = browser
        self._page = page
        self.context_window = context_window

    def __enter__(self) -> CpuSession:
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.request("close", page=self._page)

    def greedy(self, ids: Sequence[int], count: int) -> tuple[list[int], np.ndarray]:
        """``count`` greedy tokens behind ``ids``, which end no answer, and (count, vocabulary) log-probabilities."""
        args = {"ids": [int(i) for i in ids], "count": count}
        result = self._browser.request("call", page=self._page, name="greedy", args=args)
        return result["tokens"], np.stack([_unpack(row) for row in result["logprobs"].split(" ")])


class Browser:
    """The browser process, started on entry and ended on exit."""

    def __enter__(self) -> Browser:
        node = shutil.which("node")
        if node is None:
            raise RuntimeError("the parity tests drive a browser with Node.js: put `node` on the PATH")
        self._process = subprocess.Popen(
            [node, HERE / "browser.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self._count = 0
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def open(
        self,
        folder: Path,
        library: str,
        overrides: Mapping[str, Any] | None = None,
        *,
        emulate_half: bool = False,
    ) -> Session:
        """Load the package ``folder`` with one of its libraries.

        Args:
            overrides: replace entries of mlc-chat-config.json.
            emulate_half: rewrite half precision for an adapter without ``shader-f16``; see half.mjs.

        Raises:
            PageError: web-llm could not load it.
        """
        opened = self.request(
            "open", folder=str(folder), library=library, overrides=overrides or {}, emulateHalf=emulate_half
        )
        return Session(self, opened["page"], opened["loadMs"])

    def open_cpu(self, folder: Path) -> CpuSession:
        """Load the package ``folder`` with the page's CPU engine.

        Raises:
            PageError: the page refused it, or llama.cpp did.
        """
        opened = self.request("openCpu", folder=str(folder))
        return CpuSession(self, opened["page"], opened["contextWindowSize"])

    def features(self) -> set[str]:
        """Optional WebGPU features of the adapter, ``shader-f16`` for one."""
        return set(self.request("features"))

    def request(self, method: str, **params: Any) -> Any:
        """One request to browser.mjs.

        Raises:
            PageError: it failed, or the page wrote an error (WebGPU validation errors are such).
            TimeoutError: no answer within ``ANSWER_TIMEOUT``; the browser is ended.
        """
        assert self._process.stdin is not None
        self._count += 1
        self._process.stdin.write(json.dumps({"id": self._count, "method": method, "params": params}) + "\n")
        self._process.stdin.flush()
        try:
            line = self._lines.get(timeout=ANSWER_TIMEOUT)
        except queue.Empty:
            self._process.kill()
            raise TimeoutError(f"the browser did not answer {method} within {ANSWER_TIMEOUT:.0f} s") from None
        if not line:
            raise PageError(f"browser.mjs ended during {method} with status {self._process.wait()}")
        answer = json.loads(line)
        if answer["problems"] or "error" in answer:
            raise PageError("\n".join(filter(None, [answer.get("error"), *answer["problems"]])))
        return answer["result"]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")


def _answer(result: Mapping[str, Any]) -> Answer:
    steps = len(result["positions"])
    return Answer(
        text=result.get("text", ""),
        finish_reason=result.get("finishReason"),
        usage=result.get("usage", {}),
        tokens=result["tokens"],
        stream=result["stream"],
        positions=result["positions"],
        chunks=result["chunks"],
        logits=_unpack(result["logits"]).reshape(steps, -1),
        edited=_unpack(result["edited"]).reshape(steps, -1),
    )


def _pack(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode()


def _unpack(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")
