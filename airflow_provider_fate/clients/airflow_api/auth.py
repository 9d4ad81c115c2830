"""Logging in to Airflow: user name and password are changed for a token at ``/auth/token``."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import httpx

from airflow_provider_fate.clients.http import Reply, Request
from airflow_provider_fate.clients.http.envelope import read

from .envelope import AirflowApiEnvelope

__all__ = ["AirflowLogin"]


class AirflowLogin(httpx.Auth):
    """Adds the token of a user; gets one where there is none, and another one where it is not valid any more.

    :param root_url: what comes before ``/auth/token``.
    :param user: name of the user.
    :param password: its password.
    :param timeout: seconds to wait for a log-in.
    """

    requires_response_body = True

    def __init__(self, root_url: str, user: str, password: str, *, timeout: float) -> None:
        self._root_url = root_url
        self._credentials = {"username": user, "password": password}
        self._timeout = timeout
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Log in where that has to be done, and send the request.

        :raises FateAuthError: user name or password are wrong.
        """
        kept = self._token or (yield from self._login())
        request.headers["Authorization"] = f"Bearer {kept}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            request.headers["Authorization"] = f"Bearer {(yield from self._login())}"
            yield request

    def _login(self) -> Generator[httpx.Request, httpx.Response, str]:
        order: Request[str] = Request("POST", "/auth/token", _token)
        response = yield httpx.Request(
            "POST",
            f"{self._root_url}{order.path}",
            json=self._credentials,
            extensions={"timeout": httpx.Timeout(self._timeout).as_dict()},
        )
        self._token = read(AirflowApiEnvelope(), order, response, response.content)
        return self._token


def _token(reply: Reply) -> str:
    token: Any = reply.data["access_token"]
    if not isinstance(token, str) or not token:
        raise ValueError("no token")
    return token
