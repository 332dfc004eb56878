"""A real HTTP server that speaks the chat completions API, with faults on demand.

``answer`` is a function of the request body; where it returns None, the request goes on to ``upstream``, another
server's address. Faults are taken from a list, one a request, until it is empty. The server keeps what it answered, so
that a test can tell what was paid.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[dict[str, Any]], str | None]
FAULTS = ("429", "500", "timeout", "truncated", "schema", "hangup")


class OpenAIServer:
    def __init__(
        self, answer: Answer, faults: Iterable[str] = (), key: str = "", upstream: str = "", upstream_model: str = ""
    ) -> None:
        self.answer = answer
        self.upstream = upstream
        self.upstream_model = upstream_model
        self.faults = list(faults)
        self.key = key
        self.paid: list[str] = []
        """Canonical JSON of each request that got a whole, proper answer."""
        self.injected: list[str] = []
        self.delay = 0.0
        self.body: bytes | None = None
        """Sent instead of every completion."""
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self.released = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with outer._lock:
                    outer._at_once += 1
                    outer.most_at_once = max(outer.most_at_once, outer._at_once)
                try:
                    outer._handle(self, body)
                except (BrokenPipeError, ConnectionResetError):
                    pass
                finally:
                    with outer._lock:
                        outer._at_once -= 1

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> OpenAIServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def _handle(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if self.key and handler.headers.get("Authorization") != f"Bearer {self.key}":
            return _send(handler, 401, json.dumps({"error": {"message": "wrong key"}}).encode())
        with self._lock:
            fault = self.faults.pop(0) if self.faults else ""
            if fault:
                self.injected.append(fault)
        if fault == "429":
            return _send(handler, 429, b'{"error": {"message": "slow down"}}', {"Retry-After": "0"})
        if fault == "500":
            return _send(handler, 500, b'{"error": {"message": "broken"}}')
        if fault == "timeout":
            self.released.wait(30)
            handler.close_connection = True
            return None
        if fault == "hangup":
            handler.close_connection = True
            return None
        if fault == "schema":
            return _send(handler, 200, b'{"object": "something.else", "result": [1, 2]}')
        time.sleep(self.delay)
        request = json.loads(body)
        status, data = (200, self.body) if self.body is not None else self._complete(request)
        if fault == "truncated":
            return _send(handler, 200, data[: len(data) // 2])
        if status == 200:
            with self._lock:
                self.paid.append(json.dumps(request, sort_keys=True, ensure_ascii=False))
        return _send(handler, status, data)

    def _complete(self, request: dict[str, Any]) -> tuple[int, bytes]:
        text = self.answer(request)
        if text is None:
            body = json.dumps({**request, "model": self.upstream_model}).encode()
            forwarded = urllib.request.Request(
                self.upstream + "/chat/completions", body, {"Content-Type": "application/json"}
            )
            try:
                with urllib.request.urlopen(forwarded, timeout=120) as response:
                    return response.status, response.read()
            except urllib.error.HTTPError as error:
                return error.code, error.read()
        words = sum(len(message["content"]) for message in request["messages"])
        return 200, json.dumps(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 0,
                "model": request["model"],
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": words, "completion_tokens": len(text), "total_tokens": words + len(text)},
            }
        ).encode()


def _send(handler: BaseHTTPRequestHandler, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(data)))
    for name, value in (headers or {}).items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)
