"""HTTP of the fake: the standard library's, one thread per connection."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

WebAnswer = tuple[int, Any, dict[str, str]]
"""Status, content (JSON or bytes) and headers."""
LOST: WebAnswer = (0, None, {})
"""The connection just ends."""


class WebFace:
    """Answers while it is entered.

    :ivar hosts: values of the Host header of all requests.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.hosts: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if self.headers.get("Transfer-Encoding") == "chunked":
                    body = b"".join(iter(self._chunk, b""))
                outer.hosts.append(self.headers.get("Host", ""))
                status, content, headers = outer.answer(self.command, self.path, body, dict(self.headers))
                if not status:
                    self.close_connection = True
                    return
                is_json = not isinstance(content, bytes)
                data = json.dumps(content).encode() if is_json else content
                self.send_response(status)
                if data:
                    self.send_header("Content-Type", "application/json; charset=utf-8" if is_json else "text/plain")
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = do_DELETE = handle_any

            def _chunk(self) -> bytes:
                piece = self.rfile.read(int(self.rfile.readline(), 16))
                self.rfile.readline()
                return piece

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(int(outer.now()))

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = int(self._server.server_address[1])

    def now(self) -> float:
        raise NotImplementedError

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> WebAnswer:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
