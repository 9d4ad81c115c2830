"""Where FedLCM is, and who asks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from airflow_provider_fate.clients.http import HttpSettings
from airflow_provider_fate.clients.http.token import refused_at
from airflow_provider_fate.errors import FateConfigError

from .auth import GinAuth, token_key
from .envelope import FedlcmEnvelope, GinEnvelope

__all__ = ["FedlcmSettings", "GinSettings"]

_PREFIX = re.compile(r"(/[A-Za-z0-9_.~%-]+)+")


@dataclass(frozen=True, slots=True)
class GinSettings(HttpSettings):
    """Settings of a service that gives a token for a name and a password, and may stand below a path.

    :param user: name of the user; the services tell capital letters apart.
    :param password: its password; hidden in ``repr``.
    :param prefix: path below which the service answers; empty: at the root.
    :raises FateConfigError: a value cannot be right.
    """

    user: str = field(default="Admin", kw_only=True)
    password: str = field(default="", repr=False, kw_only=True)
    prefix: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if self.prefix and not _PREFIX.fullmatch(self.prefix):
            raise FateConfigError(
                f"path prefix {self.prefix!r} is not a path.", hint="Write it like '/fedlcm', or leave it empty."
            )

    @property
    def root_url(self) -> str:
        """What comes before the version of the interface. Holds no secret."""
        return f"{self.scheme}://{self.address}{self.prefix}"

    def envelope(self) -> GinEnvelope:
        """How the service wraps its answers."""
        raise NotImplementedError

    def auth(self) -> httpx.Auth | None:
        """Return what logs in, and adds the token to requests."""
        return GinAuth(self.envelope(), self.root_url, self.user, self.password)


@dataclass(frozen=True, slots=True)
class FedlcmSettings(GinSettings):
    """Settings of FedLCM. It speaks plain HTTP; TLS is that of the ``frontend`` in front of it."""

    def envelope(self) -> GinEnvelope:
        """FedLCM's."""
        return FedlcmEnvelope()

    def restart_seen(self) -> datetime | None:
        """Return when this process has noticed a restart of FedLCM, by FedLCM's clock; ``None``: never.

        One whose key of tokens is configured (``LIFECYCLEMANAGER_JWT_KEY``) restarts unseen.
        """
        return refused_at(token_key(self.root_url, self.user, self.password))
