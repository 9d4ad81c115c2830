"""AppId signatures: how FATE-Flow 2.x knows its clients."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

import httpx

from airflow_provider_fate.clients.http.settings import HEADER_TEXT
from airflow_provider_fate.errors import FateConfigError

__all__ = ["AppId", "AppIdAuth", "sign"]


@dataclass(frozen=True, slots=True)
class AppId:
    """The app that a FATE site gave to this client; needed where client authentication is switched on.

    :param app_id: public id of the app.
    :param token: its secret; it signs requests and is never sent. Hidden in ``repr``.
    """

    app_id: str
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.app_id or not HEADER_TEXT.fullmatch(self.app_id):
            raise FateConfigError(
                f"app id {self.app_id!r} cannot be sent in a header.",
                hint="Write the id that `app/client/create` answered, such as '46469586'.",
            )
        if not self.token:
            raise FateConfigError(
                f"app id {self.app_id!r} has no token.",
                hint="Give the token that belongs to the app id, or leave both empty.",
            )


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
