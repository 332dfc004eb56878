"""A finished package, in an engine that users run, in a headless Chromium: web-llm, or wllama on the processor.

Python says what to ask; ``browser.mjs`` keeps the browser; ``page.mjs`` runs web-llm in its page, ``wllama.ts`` the
page's own engine for the processor. One JSON object per line goes either way. Prompts for likelihoods are tokenised
here, as web-llm does it: part by part. wllama tells no likelihoods.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from ... import manifest
from ...conversation import prompt_parts
from ...errors import ConvertError, InputError
from ..metrics import Answer
from ..metrics.base import are_letters
from ..prompts import LETTER_PREFIX
from .base import Request, Target

SCRIPT = Path(__file__).with_name("browser.mjs")
SOURCES = Path(__file__).parents[4] / "src"
"""Of the page, whose engine for the processor is built from them."""
NODE_PACKAGES = ("@mlc-ai/web-llm", "playwright-core", "vite")


class BrowserError(ConvertError):
    """The browser, web-llm or WebGPU failed."""

    exit_code = 1


class PackageTarget(Target):
    """Verifies the package, then loads it once and asks one question after another, each in an empty KV cache.

    Raises:
        PackageError: the package does not match its manifest.
        InputError: it has no library of that name; or the engine is wllama and the page's sources are not here.
    """

    kind = "package"

    def __init__(
        self, folder: Path, library: str = "software", name: str | None = None, engine: str = "web-llm"
    ) -> None:
        about = manifest.verify(folder)
        libraries = {entry["target"]: entry["path"] for entry in about["libraries"]}
        if engine == "web-llm" and library not in libraries:
            raise InputError(f"{folder}: no library for {library!r}, there is {', '.join(sorted(libraries))}")
        self.name = name or f"{about['id']} {about['version']}"
        content = {entry["path"]: entry["sha256"] for entry in about["files"]}
        # The manifest itself may change: it holds the scores that come of this.
        needed = {"mlc-chat-config.json", "tokenizer.json", "tensor-cache.json"}
        if engine == "web-llm":
            needed.add(libraries[library])
            self.identity = {"kind": self.kind, "web_llm": about["engine"]["web_llm"]}
        else:
            self.identity = {"kind": self.kind, "engine": engine, "sources": _sources_digest()}
        self.identity["files"] = {
            path: digest for path, digest in content.items() if path in needed or path.endswith(".bin")
        }
        self._id = about["id"]
        self._engine = engine
        self._folder = folder.resolve()
        self._library = libraries.get(library)
        self._process: subprocess.Popen[str] | None = None

    async def __aenter__(self) -> PackageTarget:
        await asyncio.to_thread(self._start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        with process:
            process.stdin.close()
            try:
                await asyncio.to_thread(process.wait, 30)
            except subprocess.TimeoutExpired:
                process.kill()

    async def answer(self, request: Request) -> Answer:
        return await asyncio.to_thread(self._answer, request)

    def _start(self) -> None:
        from tokenizers import Tokenizer

        node = shutil.which("node")
        if node is None:
            raise InputError("a package is run in a browser through Node.js: install Node 20 or newer")
        missing = [name for name in NODE_PACKAGES if not (SOURCES.parent / "node_modules" / name).is_dir()]
        if missing:
            raise InputError(
                f"{', '.join(missing)}: not installed; a package is run in a browser with the repository's own tools: "
                f"run npm ci in {SOURCES.parent}"
            )
        self._tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        self._template = json.loads((self._folder / "mlc-chat-config.json").read_text("utf-8"))["conv_template"]
        with ExitStack() as started:
            self._process = started.enter_context(
                subprocess.Popen(
                    [node, SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
                )
            )
            started.callback(self._process.kill)
            self._call("load", engine=self._engine, id=self._id, folder=str(self._folder), library=self._library)
            started.pop_all()

    def _answer(self, request: Request) -> Answer:
        messages = list(request.messages)
        result = self._call("answer", messages=messages, maxTokens=request.max_tokens)
        if result["finishReason"] == "too_long":
            return Answer("", "too_long")
        wanted = request.letters and self._engine == "web-llm"
        letters = self._letters(messages[-1]["content"], request.letters) if wanted else None
        return Answer(result["text"], result["finishReason"], letters)

    def _letters(self, question: str, letters: tuple[str, ...]) -> dict[str, float]:
        parts = prompt_parts(self._template, None, [question])
        head = [token for part in parts[:-1] for token in self._encode(part)]
        prefix = self._encode(parts[-1] + LETTER_PREFIX)
        tokens = [self._encode(parts[-1] + LETTER_PREFIX + letter)[-1] for letter in letters]
        values = dict(zip(letters, self._call("likelihoods", ids=head + prefix, tokens=tokens), strict=True))
        if not are_letters(values):
            raise BrowserError(f"{self.name} in the browser: the likelihoods of the letters are no numbers: {values}")
        return values

    def _encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def _call(self, name: str, **args: Any) -> Any:
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps({"name": name, "args": args}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise BrowserError(f"the browser ended (status {process.wait()}); answers so far are kept, run it again")
        reply = json.loads(line)
        if "error" in reply:
            raise BrowserError(f"{self.name} in the browser: {reply['error']}")
        return reply["result"]


def _sources_digest() -> str:
    """SHA-256 of what the engine for the processor is built from: another engine may answer otherwise.

    Raises:
        InputError: this is not a checkout of the repository.
    """
    root = SOURCES.parent
    lock = root / "package-lock.json"
    parts = (SOURCES / part for part in ("engine", "packages", "platform", "shared"))
    files = [
        *sorted(file for part in parts for file in part.rglob("*.ts")),
        *sorted(SCRIPT.parent.glob("wllama*")),
        lock,
    ]
    if not SOURCES.is_dir() or not lock.is_file():
        raise InputError("the engine wllama is built from the page's sources: run this in a checkout of the repository")
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
