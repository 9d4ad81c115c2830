"""A small real HTTP server whose answers are a function, and which fails where it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from airflow_provider_fate.clients.http import LoginSettings

Answer = tuple[int, Any]
"""Status and content: JSON, or the bytes of a file."""

FAILS, FAILS_AFTER, LOST, CLOSED = "fails", "fails after", "lost", "closed"
"""HTTP 500 before and after the request was carried out; the connection ends after it was, and before."""


class JsonServer:
    """Answers one request at a time, however many ask.

    :ivar token: who does not send it is refused; ``None``: everybody is let in.
    :ivar asked: method and path of each request.
    :ivar faults: what goes wrong, by the number of the request, from 1: one of the words above, or an answer.
    :ivar before: is called with method and path before a request is carried out.
    """

    def __init__(self) -> None:
        self.token: str | None = None
        self.asked: list[str] = []
        self.faults: dict[int, str | Answer] = {}
        self.before: Callable[[str, str], None] | None = None
        self._lock = threading.RLock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, content = outer._answer(self.command, self.path, body, self.headers.get("Authorization"))
                if not status:
                    self.close_connection = True
                    return
                is_json = not isinstance(content, bytes)
                data = json.dumps(content).encode() if is_json else content
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if is_json else "text/plain")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])

    @property
    def settings(self) -> LoginSettings:
        """What a client needs."""
        return LoginSettings("127.0.0.1", self.port, token=self.token, timeout=10, retry_wait=0.01)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        """Status and content."""
        raise NotImplementedError

    def failed(self, words: str) -> Answer:
        """An answer that says that the server has failed."""
        raise NotImplementedError

    def refusal(self, path: str, authorization: str | None) -> Answer | None:
        """What somebody hears who is not let in; ``None``: this one is."""
        known = self.token is None or authorization == f"Bearer {self.token}"
        return None if known else (401, b"You are not authenticated.")

    def _answer(self, method: str, target: str, body: bytes, authorization: str | None) -> Answer:
        parts = urlsplit(target)
        path, query = unquote(parts.path), {key: values[0] for key, values in parse_qs(parts.query).items()}
        if self.before is not None:
            self.before(method, path)
        with self._lock:
            self.asked.append(f"{method} {path}")
            fault = self.faults.get(len(self.asked))
            if (refused := self.refusal(path, authorization)) is not None:
                return refused
            if isinstance(fault, tuple):
                return fault
            if fault == FAILS:
                return self.failed("the database is away")
            if fault == CLOSED:
                return 0, None
            answer = self.answer(method, path, query, body)
            if fault == LOST:
                return 0, None
            return self.failed("the answer could not be written") if fault == FAILS_AFTER else answer
