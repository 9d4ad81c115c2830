"""HTTP for the fake server: the standard library's, one thread per connection, ``Connection: close``."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from .faults import Fault
from .replies import Answer, Call, envelope
from .routing import dispatch

if TYPE_CHECKING:
    from .server import FakeFlow

_NAME = re.compile(r'name="([^"]*)"')
_HANG_AT_MOST = 30.0


class WebServer(ThreadingHTTPServer):
    """Listens on loopback."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, fake: FakeFlow, port: int) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away are what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    server_version = "Werkzeug/2.3.8"
    server: WebServer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The moment of an answer, by the server's own clock."""
        fake = self.server.fake
        return super().date_time_string(fake.clock.now() + fake.gate.skew if timestamp is None else timestamp)

    def do_GET(self) -> None:
        """Answer a question."""
        self._serve()

    do_POST = do_GET

    def _serve(self) -> None:
        fake = self.server.fake
        self.close_connection = True
        address = urlsplit(self.path)
        path = address.path.removeprefix("/v2").rstrip("/")
        call = self._read(path, parse_qs(address.query, keep_blank_values=True))
        fake.requests.add(call)
        if not address.path.startswith("/v2/"):
            self._send(envelope(code=6000, message="<NotFound '404: Not Found'>"))
            return
        fault = fake.faults.take(path)
        if fault is None:
            self._send(self._answer(call))
        else:
            self._misbehave(fault, call)

    def _answer(self, call: Call) -> Answer:
        fake = self.server.fake
        with fake.lock:
            if (refused := fake.gate.check(self.headers, call.path)) is not None:
                return refused
            fake.tick()
            return dispatch(fake, call)

    def _misbehave(self, fault: Fault, call: Call) -> None:
        fake = self.server.fake
        match fault.kind:
            case "reset":
                self._cut()
            case "drop_reply":
                self._answer(call)
                self._cut()
            case "hang":
                if fault.options["act"]:
                    self._answer(call)
                fake.faults.released.wait(_HANG_AT_MOST)
                self._cut()
            case "html":
                page = fault.options["body"].encode()
                self._send(Answer(page, "text/html", status=fault.options["status"]))
            case "slow":
                time.sleep(fault.options["seconds"])
                self._send(self._answer(call))
            case "answer":
                if fault.options["act"]:
                    self._answer(call)
                self._send(envelope(code=fault.options["code"], message=fault.options["message"]))
            case "twins":
                answers = [self._answer(call) for _ in range(fault.options["copies"])]
                text = "Federated schedule error, HTTPConnectionPool(host='127.0.0.1'): Read timed out."
                lost = envelope(code=104, message=text)
                self._send(answers[-1] if fault.options["answer"] == "last" else lost)
            case "truncate":
                self._send(self._answer(call), cut=True)

    def _cut(self) -> None:
        # With a linger of zero the close is a reset, as when a process is killed.
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _send(self, answer: Answer, *, cut: bool = False) -> None:
        with contextlib.suppress(ConnectionError):
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.send_header("Connection", "close")
            if answer.filename:
                self.send_header("Content-Disposition", f"attachment; filename={answer.filename}")
            self.end_headers()
            if cut:
                self.wfile.write(answer.body[: len(answer.body) // 2])
                self.wfile.flush()
                self._cut()
            else:
                self.wfile.write(answer.body)

    # --- reading ---

    def _read(self, path: str, query: dict[str, list[str]]) -> Call:
        headers = {name: value for name, value in self.headers.items() if "_" not in name}
        fake = self.server.fake
        content_type = self.headers.get("Content-Type", "")
        if content_type.startswith("multipart/form-data"):
            if fake.discard_uploads:
                size = sum(len(piece) for piece in self._pieces())
                return Call(self.command, path, query, form={"discarded": str(size)}, headers=headers)
            form, file = _multipart(content_type, b"".join(self._pieces()))
            return Call(self.command, path, query, form=form, file=file, headers=headers)
        body = b"".join(self._pieces())
        if content_type == "application/x-www-form-urlencoded":
            return Call(self.command, path, query, form=dict(parse_qsl(body.decode())), headers=headers)
        try:
            content = json.loads(body) if body else None
        except ValueError:
            content = None  # a malformed body counts as empty
        return Call(self.command, path, query, json=content, headers=headers)

    def _pieces(self) -> Any:
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            while size := int(self.rfile.readline(), 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return
        left = int(self.headers.get("Content-Length") or 0)
        while left and (piece := self.rfile.read(min(left, 1 << 16))):
            left -= len(piece)
            yield piece


def _multipart(content_type: str, body: bytes) -> tuple[dict[str, str], bytes | None]:
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    form: dict[str, str] = {}
    file = None
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        content = content.removesuffix(b"\r\n")
        name = _NAME.search(head.decode())
        if b"filename=" in head:
            file = content
        elif name:
            form[name[1]] = content.decode()
    return form, file


def serve(fake: FakeFlow, port: int) -> tuple[WebServer, threading.Thread]:
    """Start listening; port 0 takes a free one."""
    server = WebServer(fake, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    return server, thread
