"""A small real HTTP server of named objects that take time to become ready: a remote system that is not FATE."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ObjectServer:
    """Objects by name, each a mapping with ``state`` (pending, running, ready, failed), labels, and a message.

    :ivar next_state: state that an object has after it was first looked at.
    :ivar lose: so many answers to orders are lost after they were carried out.
    :ivar down: every request is answered with 503.
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.created = 0
        self.questions = 0
        self.next_state = "ready"
        self.lose = 0
        self.down = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = outer.answer(self.command, self.path, json.loads(body or "{}"))
                if answer is None:  # the connection just ends
                    self.close_connection = True
                    return
                status, content = answer
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_DELETE = handle_any

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, Any] | None:
        """Status and content; ``None``: the answer is lost."""
        if self.down:
            return 503, {"message": "maintenance"}
        name = path.rpartition("/")[2]
        if method == "GET":
            self.questions += 1
            seen = json.loads(json.dumps(self.objects))
            for found in self.objects.values():
                if found["state"] in ("pending", "running"):
                    found["state"] = self.next_state
            return 200, seen
        if method == "PUT":
            self.created += name not in self.objects
            self.objects[name] = {"state": "pending", "message": "", **body}
        else:
            self.objects.pop(name, None)
        if self.lose:
            self.lose -= 1
            return None
        return 200, {}

    @contextmanager
    def serving(self) -> Iterator[ObjectServer]:
        """Answer while the block runs."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
