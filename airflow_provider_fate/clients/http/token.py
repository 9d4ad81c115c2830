"""Tokens that a server gives for a name and a password: got once for all requests of a process, and anew in time."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Generator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

__all__ = ["TokenAuth", "forget_tokens", "refused_at"]

_tokens: dict[tuple[str, ...], tuple[str, float]] = {}
_refused: dict[tuple[str, ...], datetime] = {}


def forget_tokens() -> None:
    """Log in anew with the next request, wherever that goes."""
    _tokens.clear()
    _refused.clear()


def refused_at(key: tuple[str, ...]) -> datetime | None:
    """Return when, by the server's clock, a token was last refused though it was still good; ``None``: never.

    A server that makes up the key of its tokens at each start was restarted before that.
    """
    return _refused.get(key)


class TokenAuth(httpx.Auth, ABC):
    """Logs in where there is no token yet, and once more where the token is not valid any more.

    :param key: what tokens are kept by: the server and who asks it, with the password.
    :param life: seconds for which a token is used; less than the server gives it, whose clock may not be ours.
    """

    requires_response_body = True

    def __init__(self, key: tuple[str, ...], life: float) -> None:
        self._key = key
        self._life = life

    @abstractmethod
    def login(self, request: httpx.Request) -> httpx.Request:
        """Return the request that asks for a token, before ``request`` is sent."""

    @abstractmethod
    def token(self, response: httpx.Response) -> str:
        """Return the token out of the answer.

        :raises FateError: there is none.
        """

    def address(self, request: httpx.Request) -> None:
        """Change where a request goes."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Serve the sync and the async client alike.

        :raises FateError: user name or password are wrong.
        """
        self.address(request)
        used = self._kept()
        new = used is None
        if used is None:
            used = yield from self._log_in(request)
        request.headers["Authorization"] = f"Bearer {used}"
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        if self._kept() == used:
            _tokens.pop(self._key, None)
            if not new:
                _refused[self._key] = _moment(response)
        if not isinstance(request.stream, httpx.ByteStream):
            return  # a file that was read already; who uploads one asks something small before
        token = self._kept()  # another request may have logged in meanwhile
        if token is None:
            token = yield from self._log_in(request)
        request.headers["Authorization"] = f"Bearer {token}"
        yield request

    def _kept(self) -> str | None:
        token, until = _tokens.get(self._key, ("", 0.0))
        return token if time.monotonic() < until else None

    def _log_in(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, str]:
        login = self.login(request)
        self.address(login)
        token = self.token((yield login))
        _tokens[self._key] = (token, time.monotonic() + self._life)
        return token


def _moment(response: httpx.Response) -> datetime:
    try:
        return parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError):
        return datetime.now(tz=UTC)
