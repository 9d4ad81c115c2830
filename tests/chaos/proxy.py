"""A TCP proxy before a FATE-Flow that can lose, cut, delay or replace what passes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from tests.support.fake_flow.faults import BAD_GATEWAY

_PATIENCE = 120.0
_RESET = struct.pack("ii", 1, 0)  # a linger of zero: closing is a reset, as when a process is killed


class Harm(Enum):
    """What happens to a request and its reply."""

    LOSE_REQUEST = auto()
    """The connection breaks before FATE-Flow has the request."""
    LOSE_REPLY = auto()
    """FATE-Flow does what is asked; the connection breaks before the first byte of the reply."""
    CUT_REPLY = auto()
    """The connection breaks in the middle of the reply."""
    BAD_GATEWAY = auto()
    """A page of a proxy, with status 502; FATE-Flow has not seen the request."""
    BAD_GATEWAY_AFTER = auto()
    """The same page, but FATE-Flow has done what is asked."""
    DELAY = auto()
    """The reply comes after some seconds, in which the client may have given up."""
    HOLD_REQUEST = auto()
    """The request stays here until it is let go."""
    HOLD_REPLY = auto()
    """FATE-Flow does what is asked; its reply stays here until it is let go."""


@dataclass
class Rule:
    """One kind of harm for so many requests to one path, as in ``"/job/submit"``."""

    path: str
    harm: Harm
    left: int = 1
    seconds: float = 0.0
    reached: threading.Event = field(default_factory=threading.Event)
    """A request has come under this rule; for `DELAY` and the holds, it waits now."""
    go: threading.Event = field(default_factory=threading.Event)
    """Lets held requests go."""

    @property
    def is_spent(self) -> bool:
        """Whether it has done all its harm."""
        return self.left <= 0


class Proxy:
    """Listens on a free port of loopback and passes on what it gets, one request per connection.

    :param target: host and port of the FATE-Flow behind it. While that refuses connections, clients get a 502.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.port = 0
        self.seen: list[str] = []
        """Method, path and what was done to it, of every request."""
        self._counts: Counter[str] = Counter()
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._news = threading.Condition(self._lock)
        self._listener: socket.socket | None = None
        self.up()

    # --- what a trial orders ---------------------------------------------------------------------------------

    def harm(self, path: str, harm: Harm, times: int = 1, seconds: float = 0.0) -> Rule:
        """Order some harm."""
        rule = Rule(path, harm, times, seconds)
        with self._lock:
            self._rules.append(rule)
        return rule

    def heal(self) -> None:
        """Forget all rules, let go of what is held."""
        with self._lock:
            rules, self._rules = self._rules, []
        for rule in rules:
            rule.go.set()

    def down(self) -> None:
        """Refuse connections."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept
            self._listener.close()
            self._listener = None

    def up(self) -> None:
        """Accept them again, on the same port."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def count(self, path: str) -> int:
        """Return how often a path was asked for."""
        return self._counts[path]

    def wait_for(self, condition: Callable[[], bool], seconds: float = 90.0) -> bool:
        """Wait until a condition about the requests holds; looked at after each request."""
        with self._news:
            return self._news.wait_for(condition, seconds)

    # --- what passes -----------------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.settimeout(_PATIENCE)
            request = _read_request(client)
            if request is None:
                return
            method, path = request.split(b" ", 2)[:2]
            name = path.decode().partition("?")[0].removeprefix("/v2")
            rule = self._take(method.decode(), name)
            self._pass(client, request, rule)

    def _take(self, method: str, path: str) -> Rule | None:
        with self._news:
            self._counts[path] += 1
            rule = next((r for r in self._rules if r.path in (path, "*") and not r.is_spent), None)
            if rule is not None:
                rule.left -= 1
            when = time.strftime("%H:%M:%S")
            self.seen.append(f"{when} {method} {path}" + (f" <- {rule.harm.name}" if rule else ""))
            self._news.notify_all()
        return rule

    def _pass(self, client: socket.socket, request: bytes, rule: Rule | None) -> None:
        harm = rule.harm if rule else None
        if rule and harm is Harm.HOLD_REQUEST:
            rule.reached.set()
            rule.go.wait(_PATIENCE)
        if rule and harm in (Harm.LOSE_REQUEST, Harm.BAD_GATEWAY):
            reply = b"" if harm is Harm.LOSE_REQUEST else _bad_gateway()
        else:
            reply = self._ask(request)
        if rule and harm is Harm.LOSE_REPLY:
            reply = b""
        elif rule and harm is Harm.BAD_GATEWAY_AFTER:
            reply = _bad_gateway()
        if rule:
            rule.reached.set()
        if rule and harm is Harm.DELAY:
            rule.go.wait(rule.seconds)
        if rule and harm is Harm.HOLD_REPLY:
            rule.go.wait(_PATIENCE)
        if rule and harm is Harm.CUT_REPLY:
            head = reply.find(b"\r\n\r\n") + 4
            client.sendall(reply[: head + (len(reply) - head) // 2])
            time.sleep(0.05)  # a reset overtakes what was sent before it
            reply = b""
        if reply:
            client.sendall(reply)
        else:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _ask(self, request: bytes) -> bytes:
        try:
            with socket.create_connection(self.target, timeout=10) as server:
                server.settimeout(_PATIENCE)
                server.sendall(request)
                pieces = []
                while piece := server.recv(1 << 16):
                    pieces.append(piece)
                return b"".join(pieces)
        except ConnectionRefusedError:
            return _bad_gateway()
        except OSError:
            return b""


def _bad_gateway() -> bytes:
    page = BAD_GATEWAY.encode()
    head = f"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + page


def _read_request(client: socket.socket) -> bytes | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (piece := client.recv(1 << 16)):
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
    chunked = any(line.startswith(b"transfer-encoding:") and b"chunked" in line for line in lines)
    while (not body.endswith(b"0\r\n\r\n")) if chunked else (len(body) < length):
        if not (piece := client.recv(1 << 16)):
            return None  # the client has gone in the middle of its request: so nobody else gets it
        body += piece
    # One request per connection, whatever the client would like.
    kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*kept, b"Connection: close"]) + b"\r\n\r\n" + body
