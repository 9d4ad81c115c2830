"""AppId signatures: how FATE-Flow 2.x knows its clients."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Generator

import httpx

from .settings import AppId

__all__ = ["AppIdAuth", "sign"]


def sign(*, app_id: str, token: str, user_name: str, nonce: str, timestamp: str) -> str:
    """Return FATE-Flow's signature: two rounds of MD5 over the identity headers and the token.

    MD5 and the shape are the server's protocol, not a choice of ours. Neither path nor body is covered, and
    the server remembers no nonce: only TLS protects a request from being altered or replayed.
    """
    key = hashlib.md5(f"{app_id}{user_name}{nonce}{timestamp}".encode(), usedforsecurity=False).hexdigest()
    return hashlib.md5(f"{key}{token}".encode(), usedforsecurity=False).hexdigest()


class AppIdAuth(httpx.Auth):
    """Signs every request that passes, afresh each time: a repeat after a minute must not carry an old
    timestamp.

    :param app: id and token.
    :param user_name: label of the caller; sent even when empty, since the server fails on its absence.
    :param clock: seconds since the epoch.
    """

    def __init__(self, app: AppId, user_name: str = "", *, clock: Callable[[], float] = time.time) -> None:
        self._app = app
        self._user_name = user_name
        self._clock = clock

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the five headers. One generator serves the sync and the async client."""
        nonce = f"{secrets.randbelow(10_000):04d}"  # the server refuses any other length
        timestamp = str(int(self._clock() * 1000))
        request.headers.update(
            {
                "appId": self._app.app_id,
                "userName": self._user_name,
                "Nonce": nonce,
                "Timestamp": timestamp,
                "Signature": sign(
                    app_id=self._app.app_id,
                    token=self._app.token,
                    user_name=self._user_name,
                    nonce=nonce,
                    timestamp=timestamp,
                ),
            }
        )
        yield request
