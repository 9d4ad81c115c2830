"""The service: its records, its workers, and its routes."""

from __future__ import annotations

import json
import re
import secrets
from urllib.parse import parse_qs, urlsplit

from airflow_provider_fate.clients.kubefate import KubefateSettings

from .handlers import Handlers, Wrong
from .records import moment
from .web import LOST, WebAnswer

PASSWORD = "kubefate-s3cret"


class FakeKubefate(Handlers):
    """KubeFATE."""

    # -- for tests --------------------------------------------------------------------------------------------------

    @property
    def settings(self) -> KubefateSettings:
        """What a client needs."""
        return KubefateSettings("127.0.0.1", self.port, user="admin", password=PASSWORD, timeout=10, retry_wait=0.01)

    def restart(self) -> None:
        """Start anew: tokens are void, and nobody goes on with a job."""
        with self.lock:
            self._workers.clear()
            self.restart_tokens()

    def restart_tokens(self) -> None:
        """Make all tokens void, as a restart does."""
        with self.lock:
            self._key = secrets.token_hex(8)

    def let_pass(self, seconds: float) -> None:
        """Let so much time pass in the service's own clock, in which its workers do nothing."""
        with self.lock:
            self._ahead += seconds
            self._workers = [(due + seconds, worker) for due, worker in self._workers]

    # -- requests ---------------------------------------------------------------------------------------------------

    def answer(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> WebAnswer:
        given = self._answered(method, target, body, headers)
        if self.hold is not None and (method, target) in (("POST", "/v1/cluster"), ("PUT", "/v1/cluster")):
            self.hold.wait(120)
        return given

    def _answered(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> WebAnswer:
        parts = urlsplit(target)
        path, query = parts.path, {key: values[0] for key, values in parse_qs(parts.query).items()}
        with self.lock:
            self._work()
            self.requests.append(f"{method} {path}")
            try:
                answer = self._route(method, path, query, body, headers)
            except Wrong as wrong:
                return wrong.status, {"error": str(wrong)}, {}
            except KeyError:
                return 500, b"", {}  # a panic, which gin answers with nothing
            if method != "GET" and "/user/" not in path and self.lose:
                self.lose -= 1
                return LOST
            return answer

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
        self._workers = going

    def _route(self, method: str, path: str, query: dict[str, str], body: bytes, headers: dict[str, str]) -> WebAnswer:
        if path == "/":
            return 200, {"msg": "kubefate run Success"}, {}
        if path == "/v1/":
            return 400, {"error": "error path"}, {}
        if path == "/v1/user/login":
            return self._login(body)
        if path == "/v1/user/logout":
            return 200, {"code": 200}, {}
        if (place := _canonical(method, path)) != path:
            status = 301 if method == "GET" else 307
            return status, b"", {"Location": place}
        if not _ROUTES.fullmatch(f"{method} {path}"):
            return 404, b"404 page not found", {}
        if (refused := self._refused(headers.get("Authorization", ""))) is not None:
            return refused
        return self.handle(method, path.removeprefix("/v1/").strip("/").split("/"), query, body)

    def _login(self, body: bytes) -> WebAnswer:
        self.logins += 1
        try:
            given = json.loads(body)
        except ValueError:
            return _unauthorized("missing Username or Password")
        if (given.get("username"), given.get("password")) != ("admin", PASSWORD):
            return _unauthorized("incorrect Username or Password")
        until = self.now() + 1800
        self.tokens.append(f"{self._key}.{until}.x")
        return 200, {"code": 200, "expire": moment(until), "token": self.tokens[-1]}, {}

    def _refused(self, authorization: str) -> WebAnswer | None:
        found = re.fullmatch(r"Bearer (\S+)", authorization)
        if found is None:
            return _unauthorized("cookie token is empty")
        parts = re.fullmatch(r"([0-9a-f]+)\.([0-9.]+)\.x", found[1])
        if parts is None:
            return _unauthorized("token contains an invalid number of segments")
        if parts[1] != self._key:
            return _unauthorized("signature is invalid")
        return _unauthorized("Token is expired") if float(parts[2]) < self.now() else None


_ROUTES = re.compile(
    r"(POST|PUT) /v1/cluster|GET /v1/cluster/|(GET|DELETE) /v1/cluster/[^/]+|GET /v1/job/|(GET|PUT|DELETE)"
    r" /v1/job/[^/]+|POST /v1/chart|GET /v1/chart/|(GET|DELETE) /v1/chart/[^/]+|GET /v1/version/|GET /v1/namespace/"
    r"|GET /v1/log/[^/]+|GET /v1/user/|GET /v1/chart/valueTemplateExample/[^/]+/[^/]+"
)


def _canonical(method: str, path: str) -> str:
    """Where gin redirects to."""
    other = path[:-1] if path.endswith("/") else f"{path}/"
    return other if not _ROUTES.fullmatch(f"{method} {path}") and _ROUTES.fullmatch(f"{method} {other}") else path


def _unauthorized(message: str) -> WebAnswer:
    return 401, {"code": 401, "message": message}, {"Www-Authenticate": "JWT realm=gin jwt"}
