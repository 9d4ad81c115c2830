"""Logging in: one token for all requests of a process, renewed before it ends and when the service was restarted.

A log-in costs the service 1 to 2 s of CPU (100,000 rounds of PBKDF2), and it signs tokens with a key that it makes up
at each start. So the token is kept, by the settings that it was got with, and got anew when it is refused.
"""

from __future__ import annotations

from typing import Any

import httpx

from airflow_provider_fate.clients.http import Reply, Request
from airflow_provider_fate.clients.http.envelope import read
from airflow_provider_fate.clients.http.token import TokenAuth, forget_tokens

from .envelope import KubefateEnvelope

__all__ = ["KubefateAuth", "forget_tokens"]

LIFE = 25 * 60.0
"""Seconds for which a token is used. The service gives it 30 minutes, by a clock that may not be ours."""
LOGIN_TIMEOUT = 60.0
"""A busy service computes for long."""


class KubefateAuth(TokenAuth):
    """Adds the token, and the name of the Ingress.

    :param root_url: what comes before the version of the interface.
    :param user: name of the user.
    :param password: its password.
    :param host_header: name of the Ingress, where it is not the one in ``root_url``.
    :param timeout: seconds to wait for a log-in, if it is more than what a log-in has anyway.
    """

    def __init__(self, root_url: str, user: str, password: str, *, host_header: str | None, timeout: float) -> None:
        super().__init__((root_url, user, password, host_header or ""), LIFE)
        self._root_url = root_url
        self._user = user
        self._password = password
        self._host_header = host_header
        self._timeout = max(LOGIN_TIMEOUT, timeout)
        self._order: Request[str] = Request("POST", "/user/login", _token)

    def login(self, request: httpx.Request) -> httpx.Request:
        """Ask with name and password, and have patience."""
        return httpx.Request(
            "POST",
            f"{self._root_url}/{KubefateEnvelope.version}{self._order.path}",
            json={"username": self._user, "password": self._password},
            extensions={"timeout": {**request.extensions.get("timeout", {}), "read": self._timeout}},
        )

    def token(self, response: httpx.Response) -> str:
        """Return the token.

        :raises FateAuthError: user name or password are wrong.
        """
        return read(KubefateEnvelope(), self._order, response, response.content)

    def address(self, request: httpx.Request) -> None:
        """Ask the Ingress by its name."""
        if (name := self._host_header) is not None:
            request.headers["Host"] = name
            request.extensions["sni_hostname"] = name.partition(":")[0]


def _token(reply: Reply) -> str:
    token: Any = reply.data["token"]
    if not isinstance(token, str) or not token:
        raise ValueError("no token")
    return token
