"""Tokens in a header; a scheme of an API's own is one more ``httpx.Auth``, given by its settings."""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass, field

import httpx

from airflow_provider_fate.errors import FateConfigError

from .settings import HEADER_TEXT, HttpSettings

__all__ = ["Bearer", "BearerSettings", "LoginSettings"]

_PREFIX = re.compile(r"(/[A-Za-z0-9_.~%-]+)+")


class Bearer(httpx.Auth):
    """Sends a token with each request: ``Authorization: Bearer ...``."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the header. One generator serves the sync and the async client."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


@dataclass(frozen=True, slots=True)
class BearerSettings(HttpSettings):
    """Settings of an API that knows its callers by a token.

    :param token: the secret; hidden in ``repr``. ``None``: nothing is sent.
    """

    token: str | None = field(default=None, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if self.token is not None and not (self.token and HEADER_TEXT.fullmatch(self.token)):
            raise FateConfigError(
                "the token cannot be sent in a header.", hint="Write printable ASCII characters without a line end."
            )

    def auth(self) -> httpx.Auth | None:
        """Return what adds the token to requests."""
        return Bearer(self.token) if self.token is not None else None


@dataclass(frozen=True, slots=True)
class LoginSettings(BearerSettings):
    """Settings of an API that may stand below a path, and knows its callers by a name and password or by a token.

    :param user: with it, ``token`` is its password (HTTP basic authentication).
    :param prefix: path below which the server answers, such as ``/mlflow``; empty: at the root.
    """

    user: str | None = field(default=None, kw_only=True)
    prefix: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        BearerSettings.__post_init__(self)
        if self.prefix and not _PREFIX.fullmatch(self.prefix):
            raise FateConfigError(
                f"path prefix {self.prefix!r} is not a path.", hint="Write it like '/mlflow', or leave it empty."
            )

    @property
    def root_url(self) -> str:
        """What comes before the version of the interface. Holds no secret."""
        return f"{self.scheme}://{self.address}{self.prefix}"

    def auth(self) -> httpx.Auth | None:
        """Return what adds the credentials to requests."""
        if self.user is not None:
            return httpx.BasicAuth(self.user, self.token or "")
        return BearerSettings.auth(self)
