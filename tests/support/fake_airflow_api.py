"""The part of Airflow's API that connections are written through; a contract holds it to the real one."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

from airflow_provider_fate.clients.airflow_api import AirflowApiSettings
from tests.support.json_server import Answer, JsonServer

USER, PASSWORD = "deployer", "airflow-s3cret"
SHOWN = ("connection_id", "conn_type", "description", "host", "login", "schema", "port", "password", "extra")


class FakeAirflowApi(JsonServer):
    """Connections, and tokens for those who know the password.

    :ivar connections: by id, with their secrets.
    :ivar may: whether the user may edit connections.
    :ivar logins: how often somebody has logged in.
    """

    def __init__(self) -> None:
        super().__init__()
        self.connections: dict[str, dict[str, Any]] = {}
        self.may = True
        self.logins = 0
        self.token = "jwt-0"

    @property
    def settings(self) -> AirflowApiSettings:
        """What a client needs."""
        return AirflowApiSettings("127.0.0.1", self.port, user=USER, token=PASSWORD, timeout=10, retry_wait=0.01)

    @property
    def airflow_connection(self) -> dict[str, Any]:
        """The same as an Airflow connection."""
        given = {"conn_type": "fate_airflow", "host": "127.0.0.1", "port": self.port}
        return given | {"login": USER, "password": PASSWORD}

    def expire(self) -> None:
        """Make all tokens void."""
        self.token = f"jwt-{self.logins}-later"

    def failed(self, words: str) -> Answer:
        return 500, {"detail": words}

    def refusal(self, path: str, authorization: str | None) -> Answer | None:
        if path in ("/auth/token", "/api/v2/version") or authorization == f"Bearer {self.token}":
            return None
        return 401, {"detail": "Invalid JWT token"}

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        given = json.loads(body) if body else {}
        if path == "/auth/token":
            if (given.get("username"), given.get("password")) != (USER, PASSWORD):
                return 401, {"detail": "Invalid credentials"}
            self.logins += 1
            return 201, {"access_token": self.token}
        if path == "/api/v2/version":
            return 200, {"version": "3.3.2", "git_version": None}
        if not self.may:
            return 403, {"detail": "Forbidden"}
        match method, path.removeprefix("/api/v2/connections").strip("/"):
            case "POST", "":
                return self._add(given)
            case "PATCH", name:
                return self._change(unquote(name), given)
            case "GET", name if name:
                found = self.connections.get(unquote(name))
                return (200, _shown(found)) if found else _missing(unquote(name))
            case "DELETE", name:
                return (204, b"") if self.connections.pop(unquote(name), None) else _missing(unquote(name))
        return 404, {"detail": "Not Found"}

    def _add(self, given: dict[str, Any]) -> Answer:
        if set(given) - set(SHOWN):
            return 422, {"detail": [{"loc": ["body"], "msg": "Extra inputs are not permitted", "input": given}]}
        if not re.fullmatch(r"[\w.-]{1,200}", given["connection_id"]):
            fault = {"loc": ["body", "connection_id"], "msg": "String should match pattern", "input": given}
            return 422, {"detail": [fault]}
        if given["connection_id"] in self.connections:
            return 409, {"detail": {"reason": "Unique constraint violation", "statement": "hidden"}}
        self.connections[given["connection_id"]] = given
        return 201, _shown(given)

    def _change(self, name: str, given: dict[str, Any]) -> Answer:
        if given["connection_id"] != name:
            return 400, {"detail": "The connection_id in the request body does not match the URL parameter"}
        if name not in self.connections:
            return _missing(name)
        self.connections[name] = given
        return 200, _shown(given)


def _shown(found: dict[str, Any]) -> dict[str, Any]:
    shown = {key: found.get(key) for key in SHOWN} | {"team_name": None}
    return shown | {"password": "***" if found.get("password") else None}


def _missing(name: str) -> Answer:
    return 404, {"detail": f"The Connection with connection_id: `{name}` was not found"}
