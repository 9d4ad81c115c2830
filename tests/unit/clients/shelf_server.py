"""A small real server of an API that has nothing to do with FATE."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "s3cret-t0ken"


class ShelfServer(ThreadingHTTPServer):
    """Keeps books. It has a port from the beginning, but refuses connections until it is opened."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self.server_bind()
        self.books: list[str] = ["1"]
        self.asked: list[str] = []
        self.loses_replies = False
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        self.server_activate()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def end(self) -> None:
        if self._thread is not None:
            self.shutdown()
            self._thread.join()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: ShelfServer

    def do_GET(self) -> None:
        self.server.asked.append(f"GET {self.path}")
        isbn = self.path.rpartition("/")[2]
        if isbn == "page":
            self._send(200, b"<html>Welcome</html>", "text/html")
        elif isbn == "fire":
            self._answer(500, {"problem": "the shelf is on fire"})
        elif isbn == "odd":
            self._answer(200, {"result": {"title": "no number"}})
        elif self.headers["Authorization"] != f"Bearer {TOKEN}":
            self._answer(401, {"problem": "who are you?"})
        elif not self.path.startswith("/apis/v1/books/") or isbn not in self.server.books:
            self._answer(404, {"problem": f"no book {isbn}"})
        else:
            self._answer(200, {"result": {"isbn": isbn}})

    def do_POST(self) -> None:
        self.server.asked.append(f"POST {self.path}")
        book = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.books.append(book["isbn"])
        if not self.server.loses_replies:
            self._answer(201, {"result": book})

    def _answer(self, status: int, content: Any) -> None:
        self._send(status, json.dumps(content).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
