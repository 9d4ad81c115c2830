"""Tokens in a header; a scheme of an API's own is one more ``httpx.Auth``, given by its settings."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

import httpx

from airflow_provider_fate.errors import FateConfigError

from .settings import HEADER_TEXT, HttpSettings

__all__ = ["Bearer", "BearerSettings"]


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
