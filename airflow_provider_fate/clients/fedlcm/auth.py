"""Logging in at FedLCM or a site portal: the token is the data of the answer, and lives for a day.

Both sign tokens with a key that they make up at each start, unless one is configured: a token that is refused before
its time tells of a restart, which matters, because a restarted FedLCM goes on with no deployment.
"""

from __future__ import annotations

import httpx

from airflow_provider_fate.clients.http import Reply, Request
from airflow_provider_fate.clients.http.envelope import read
from airflow_provider_fate.clients.http.token import TokenAuth, forget_tokens

from .envelope import GinEnvelope

__all__ = ["GinAuth", "forget_tokens"]

LIFE = 23 * 3600.0
"""Seconds for which a token is used. The service gives it a day, by a clock that may not be ours."""


class GinAuth(TokenAuth):
    """Adds the token.

    :param envelope: of the service.
    :param root_url: what comes before the version of the interface.
    :param user: name of the user.
    :param password: its password.
    """

    def __init__(self, envelope: GinEnvelope, root_url: str, user: str, password: str) -> None:
        super().__init__(token_key(root_url, user, password), LIFE)
        self._envelope = envelope
        self._url = f"{root_url}/{envelope.version}/user/login"
        self._given = {"username": user, "password": password}
        self._order: Request[str] = Request("POST", "/user/login", _token)

    def login(self, request: httpx.Request) -> httpx.Request:
        """Ask with name and password."""
        patience = {"timeout": request.extensions.get("timeout", {})}
        return httpx.Request("POST", self._url, json=self._given, extensions=patience)

    def token(self, response: httpx.Response) -> str:
        """Return the token.

        :raises FateAuthError: user name or password are wrong.
        """
        return read(self._envelope, self._order, response, response.content)


def token_key(root_url: str, user: str, password: str) -> tuple[str, ...]:
    """Return what the token of a user is kept by."""
    return (root_url, user, password)


def _token(reply: Reply) -> str:
    if not isinstance(reply.data, str) or not reply.data:
        raise ValueError("no token")
    return reply.data
