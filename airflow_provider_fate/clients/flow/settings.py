"""Where a FATE-Flow server is, and how to talk to it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal

from airflow_provider_fate.errors import FateConfigError

__all__ = ["AppId", "FlowSettings"]

_HOST = re.compile(r"[A-Za-z0-9_.:%-]+")
_HEADER_TEXT = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class AppId:
    """The app that a FATE site gave to this client; needed where client authentication is switched on.

    :param app_id: public id of the app.
    :param token: its secret; it signs requests and is never sent. Hidden in ``repr``.
    """

    app_id: str
    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if not self.app_id or not _HEADER_TEXT.fullmatch(self.app_id):
            raise FateConfigError(
                f"app id {self.app_id!r} cannot be sent in a header.",
                hint="Write the id that `app/client/create` answered, such as '46469586'.",
            )
        if not self.token:
            raise FateConfigError(
                f"app id {self.app_id!r} has no token.",
                hint="Give the token that belongs to the app id, or leave both empty.",
            )


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """Address, credentials and patience. Hashable: equal settings may share a client.

    :param host: host name or address of FATE-Flow, without scheme, port or path.
    :param port: its HTTP port (not the gRPC port).
    :param scheme: ``"https"`` where a proxy terminates TLS; FATE-Flow itself speaks only HTTP.
    :param verify: check the server's certificate: ``True`` with the public authorities and the system's, a path to a
        CA file or directory, or ``False`` (do not).
    :param app: app id and token, where the server authenticates its clients.
    :param app_user: the ``userName`` of signed requests; a label, not a permission.
    :param timeout: seconds to connect, and to wait for the answer to a question.
    :param submit_timeout: seconds to wait for the answer to something slow: submit, stop, upload, download.
        FATE-Flow itself gives up after 30 s without its partners; the rest is for a busy machine.
    :param retries: how often a call is repeated after its first try, where a repeat is harmless.
    :param retry_wait: seconds before the first repeat; doubles with every further one, up to 10 s.
    :raises FateConfigError: a value cannot be right.
    """

    host: str
    port: int = 9380
    scheme: Literal["http", "https"] = "http"
    verify: bool | str = True
    app: AppId | None = None
    app_user: str = ""
    timeout: float = 10.0
    submit_timeout: float = 180.0
    retries: int = 3
    retry_wait: float = 0.5

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host):
            raise FateConfigError(
                f"host {self.host!r} is not a host name.",
                hint="Give the name alone, such as 'fate.example.com'; scheme and port have their own fields.",
            )
        if not 0 < self.port < 65536:
            raise FateConfigError(f"port {self.port} is not a port.", hint="FATE-Flow's HTTP port is 9380 by default.")
        if self.scheme not in ("http", "https"):
            raise FateConfigError(f"scheme {self.scheme!r} is neither 'http' nor 'https'.")
        if not _HEADER_TEXT.fullmatch(self.app_user):
            raise FateConfigError(f"app user {self.app_user!r} cannot be sent in a header.", hint="Use ASCII.")
        for name in ("timeout", "submit_timeout"):
            if getattr(self, name) <= 0:
                raise FateConfigError(f"{name} {getattr(self, name)} is not a number of seconds above zero.")
        if self.retries < 0 or self.retry_wait < 0:
            raise FateConfigError("retries and retry_wait must not be negative.", hint="0 retries: try once.")

    @property
    def address(self) -> str:
        """``host:port``, as in an address bar."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def base_url(self) -> str:
        """Root of the 2.x interface. Holds no secret."""
        return f"{self.root_url}/v2"

    @property
    def root_url(self) -> str:
        """What comes before the version of the interface."""
        return f"{self.scheme}://{self.address}"

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine, so that no proxy of the environment applies."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False
