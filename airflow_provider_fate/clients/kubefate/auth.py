"""Logging in: one token for all requests of a process, renewed before it ends and when the service was restarted.

A log-in costs the service 1 to 2 s of CPU (100,000 rounds of PBKDF2), and it signs tokens with a key that it makes up
at each start. So the token is kept, by the settings that it was got with, and got anew when it is refused.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import httpx

from airflow_provider_fate.clients.http import Reply, Request
from airflow_provider_fate.clients.http.envelope import read

from .envelope import KubefateEnvelope

__all__ = ["KubefateAuth", "forget_tokens"]

LIFE = 25 * 60.0
"""Seconds for which a token is used. The service gives it 30 minutes, by a clock that may not be ours."""
LOGIN_TIMEOUT = 60.0
"""A busy service computes for long."""

_tokens: dict[tuple[str, ...], tuple[str, float]] = {}


def forget_tokens() -> None:
    """Log in anew with the next request."""
    _tokens.clear()


class KubefateAuth(httpx.Auth):
    """Adds the token, and the name of the Ingress.

    :param root_url: what comes before the version of the interface.
    :param user: name of the user.
    :param password: its password.
    :param host_header: name of the Ingress, where it is not the one in ``root_url``.
    :param timeout: seconds to wait for a log-in, if it is more than what a log-in has anyway.
    """

    requires_response_body = True

    def __init__(self, root_url: str, user: str, password: str, *, host_header: str | None, timeout: float) -> None:
        self._root_url = root_url
        self._user = user
        self._password = password
        self._host_header = host_header
        self._timeout = max(LOGIN_TIMEOUT, timeout)
        self._key = (root_url, user, password, host_header or "")

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Log in where there is no token yet, send the request, and once more where the token is not valid any more.

        :raises FateAuthError: user name or password are wrong.
        """
        self._address(request)
        kept = self._kept()
        if kept is None:
            kept = yield from self._login(request)
        request.headers["Authorization"] = f"Bearer {kept}"
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        if self._kept() == kept:
            _tokens.pop(self._key, None)
        if not isinstance(request.stream, httpx.ByteStream):
            return  # a file that was read already; who uploads one asks something small before
        token = self._kept()  # another request may have logged in meanwhile
        if token is None:
            token = yield from self._login(request)
        request.headers["Authorization"] = f"Bearer {token}"
        yield request

    def _kept(self) -> str | None:
        token, until = _tokens.get(self._key, ("", 0.0))
        return token if time.monotonic() < until else None

    def _login(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, str]:
        order: Request[str] = Request("POST", "/user/login", _token)
        patience = {**request.extensions.get("timeout", {}), "read": self._timeout}
        login = httpx.Request(
            "POST",
            f"{self._root_url}/{KubefateEnvelope.version}{order.path}",
            json={"username": self._user, "password": self._password},
            extensions={"timeout": patience},
        )
        self._address(login)
        response = yield login
        token = read(KubefateEnvelope(), order, response, response.content)
        _tokens[self._key] = (token, time.monotonic() + LIFE)
        return token

    def _address(self, request: httpx.Request) -> None:
        if (name := self._host_header) is not None:
            request.headers["Host"] = name
            request.extensions["sni_hostname"] = name.partition(":")[0]


def _token(reply: Reply) -> str:
    token: Any = reply.data["token"]
    if not isinstance(token, str) or not token:
        raise ValueError("no token")
    return token
