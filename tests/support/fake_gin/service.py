"""Routes, log-in, envelopes, and workers that a restart loses."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from tests.support.fake_kubefate.web import LOST, WebAnswer, WebFace

Worker = Iterator[float]
"""What a goroutine does; yields the seconds of the service that it takes before its next step."""


class Wrong(Exception):
    """HTTP 500 with these words."""


class Panic(Exception):
    """HTTP 500 with nothing."""


@dataclass
class Call:
    """A request that has found its route."""

    path: dict[str, str]
    query: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> dict[str, Any]:
        try:
            given = json.loads(self.body)
        except ValueError:
            raise Wrong("invalid character looking for beginning of value") from None
        assert isinstance(given, dict)
        return given


def route(method: str, path: str, *, open_to_all: bool = False) -> Callable[[Any], Any]:
    """Name the route of a handler; ``:name`` in it is a part of any content."""

    def mark(handler: Any) -> Any:
        pattern = re.compile(re.sub(r":(\w+)", r"(?P<\1>[^/]+)", path))
        handler.route = (method, pattern, open_to_all)
        return handler

    return mark


class GinService(WebFace):
    """A service below ``/api/v1``.

    :cvar users: names that may log in, all with one password.
    :cvar realm: of the log-in.
    :ivar pace: seconds that one of its seconds takes.
    :ivar lose: how many answers to orders are lost from now on, after they were carried out.
    :ivar fixed_key: the key of tokens is configured, so that they outlive a restart.
    :ivar requests: what was asked, with the query.
    """

    users: ClassVar[tuple[str, ...]]
    password: ClassVar[str]
    forbidden: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.pace = 0.02
        self.lose = 0
        self.fixed_key = False
        self.logins = 0
        self.requests: list[str] = []
        self.away = False
        self._ahead = 0.0
        self._key = secrets.token_hex(8)
        self._workers: list[tuple[float, Worker]] = []
        self._routes = [
            (*handler.route, getattr(self, name))
            for name in dir(type(self))
            if hasattr(handler := getattr(type(self), name), "route")
        ]

    # -- for tests --------------------------------------------------------------------------------------------------

    def restart(self) -> None:
        """Start anew: goroutines are gone, and tokens, too, unless their key is configured."""
        with self.lock:
            self._workers.clear()
            if not self.fixed_key:
                self._key = secrets.token_hex(8)

    def let_pass(self, seconds: float) -> None:
        """Let so much time pass in the service's own clock, in which its workers do nothing."""
        with self.lock:
            self._ahead += seconds
            self._workers = [(due + seconds, worker) for due, worker in self._workers]

    # -- for handlers -----------------------------------------------------------------------------------------------

    def now(self) -> float:
        return time.time() + self._ahead

    def moment(self) -> str:
        return datetime.fromtimestamp(self.now(), tz=UTC).isoformat().replace("+00:00", "Z")

    def begin(self, worker: Worker) -> None:
        self._workers.append((self.now(), worker))

    def uuid(self) -> str:
        return str(uuid4())

    # -- requests ---------------------------------------------------------------------------------------------------

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> WebAnswer:
        parts = urlsplit(target)
        with self.lock:
            self._work()
            self.requests.append(f"{method} {target.removeprefix('/api/v1')}")
            answer = self._answer(method, parts.path, parts.query, body, headers)
            if method != "GET" and "/user/" not in parts.path and answer[0] == 200 and self.lose:
                self.lose -= 1
                return LOST
            return answer

    def _answer(self, method: str, path: str, query: str, body: bytes, headers: dict[str, str]) -> WebAnswer:
        found = self._find(method, path)
        if found is None:
            other = path[:-1] if path.endswith("/") else f"{path}/"
            if self._find(method, other) is not None:
                suffix = f"?{query}" if query else ""
                return (301 if method == "GET" else 307), b"", {"Location": other + suffix}
            return self.unknown()
        handler, is_open, given = found
        if not is_open and (refused := self._refused(headers.get("Authorization", ""))) is not None:
            return refused
        call = Call(given, {key: values[0] for key, values in parse_qs(query, keep_blank_values=True).items()}, body)
        try:
            if self.away and not is_open:
                raise Wrong("failed to connect to `host=postgres`: dial error (dial tcp 10.0.0.9:5432: i/o timeout)")
            data = handler(call)
        except Wrong as wrong:
            return 500, {"code": 10001, "message": str(wrong), "data": None}, {}
        except (Panic, KeyError, TypeError):
            return 500, b"", {}
        if isinstance(data, tuple):
            status, content, told = data
            return status, content, told
        return 200, {"code": 0, "message": "", "data": None if data == [] else data}, {}

    def unknown(self) -> WebAnswer:
        """What a path that is no route is answered."""
        return 404, b"404 page not found", {}

    @route("POST", "/user/login", open_to_all=True)
    def log_in(self, call: Call) -> Any:
        self.logins += 1
        given = call.json
        if not given.get("username") or not given.get("password"):
            return _unauthorized("missing Username or Password")
        if given["username"] not in (*self.users, *self.forbidden) or given["password"] != self.password:
            return _unauthorized("incorrect Username or Password")
        token = f"{self._key}.{self.now() + 86400}.{given['username']}"
        return 200, {"code": 0, "message": "", "data": token}, {"Set-Cookie": f"jwt={token}; Path=/; HttpOnly"}

    @route("POST", "/user/logout", open_to_all=True)
    def log_out(self, call: Call) -> Any:
        return 200, {"code": 200}, {}

    @route("GET", "/user/current")
    def current(self, call: Call) -> Any:
        return self.users[0]

    def _refused(self, authorization: str) -> WebAnswer | None:
        found = re.fullmatch(r"Bearer (\S+)", authorization)
        if found is None:
            return _unauthorized("cookie token is empty")
        key, _, rest = found[1].partition(".")
        until, _, user = rest.rpartition(".")
        if key != self._key:
            return _unauthorized("signature is invalid")
        if float(until) < self.now():
            return _unauthorized("Token is expired")
        if user in self.forbidden:
            return 403, {"code": 403, "message": "you don't have permission to access this resource", "data": None}, {}
        return None

    def _find(self, method: str, path: str) -> tuple[Any, bool, dict[str, str]] | None:
        if not path.startswith("/api/v1/"):
            return None
        matches = [
            (handler, is_open, found.groupdict())
            for verb, pattern, is_open, handler in self._routes
            if verb == method and (found := pattern.fullmatch(path.removeprefix("/api/v1")))
        ]
        return min(matches, key=lambda match: len(match[2]), default=None)  # what is literal comes first

    def _work(self) -> None:
        going = []
        for due, worker in self._workers:
            while due <= self.now():
                step = next(worker, None)
                if step is None:
                    break
                due += step * self.pace
            else:
                going.append((due, worker))
        started = self._workers[len(self._workers) :]
        self._workers = going + started


def _unauthorized(message: str) -> WebAnswer:
    return 401, {"code": 401, "message": message, "data": None}, {"Www-Authenticate": "JWT realm=jwt"}
