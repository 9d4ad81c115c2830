"""Where KubeFATE's service is, and who asks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import httpx

from airflow_provider_fate.clients.http import HttpSettings
from airflow_provider_fate.errors import FateConfigError

from .auth import KubefateAuth

__all__ = ["KubefateSettings"]

_NAME = re.compile(r"[A-Za-z0-9_.-]+(:\d+)?")
_PREFIX = re.compile(r"(/[A-Za-z0-9_.~%-]+)+")


@dataclass(frozen=True, slots=True)
class KubefateSettings(HttpSettings):
    """Settings of KubeFATE's service. It speaks plain HTTP; TLS is its Ingress's, or another proxy's.

    :param user: name of a user of KubeFATE.
    :param password: its password; hidden in ``repr``.
    :param host_header: the name that the service's Ingress answers to, where ``host`` is only an address of it; with
        TLS, the certificate must be for this name. ``None``: ``host``.
    :param prefix: path below which the service answers; empty: at the root.
    :raises FateConfigError: a value cannot be right.
    """

    user: str = field(default="admin", kw_only=True)
    password: str = field(default="", repr=False, kw_only=True)
    host_header: str | None = field(default=None, kw_only=True)
    prefix: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if self.host_header is not None and not _NAME.fullmatch(self.host_header):
            raise FateConfigError(
                f"host header {self.host_header!r} is not a host name.",
                hint="Write the name of the Ingress alone, such as 'kubefate.example.org': no scheme, no path.",
            )
        if self.prefix and not _PREFIX.fullmatch(self.prefix):
            raise FateConfigError(
                f"path prefix {self.prefix!r} is not a path.", hint="Write it like '/kubefate', or leave it empty."
            )

    @property
    def root_url(self) -> str:
        """What comes before the version of the interface. Holds no secret."""
        return f"{self.scheme}://{self.address}{self.prefix}"

    def auth(self) -> httpx.Auth | None:
        """Return what logs in, and adds the token to requests."""
        return KubefateAuth(self.root_url, self.user, self.password, host_header=self.host_header, timeout=self.timeout)
