"""Where a server is, and how to talk to it."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass
from ipaddress import ip_address
from typing import Literal

import httpx

from airflow_provider_fate.errors import FateConfigError

__all__ = ["HEADER_TEXT", "HttpSettings"]

HEADER_TEXT = re.compile(r"[\x20-\x7e]*")
"""What may stand in the value of a header."""

_HOST = re.compile(r"[A-Za-z0-9_.:%-]+")


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Address and patience. Hashable: equal settings may share a client. Credentials are added by subclasses.

    :param host: host name or address of the server, without scheme, port or path.
    :param port: its HTTP port.
    :param scheme: ``"https"`` where the server, or a proxy in front of it, speaks TLS.
    :param verify: check the server's certificate: ``True`` with the public authorities and the system's, a path to a
        CA file or directory, or ``False`` (do not).
    :param timeout: seconds to connect, and to wait for the answer to a question.
    :param submit_timeout: seconds to wait for the answer to something slow: orders, uploads, downloads.
    :param retries: how often a call is repeated after its first try, where a repeat is harmless.
    :param retry_wait: seconds before the first repeat; doubles with every further one, up to 10 s.
    :param client_cert: paths of a certificate and its key, in PEM, by which the server knows the caller.
    :param keep_alive: connections that are kept open between requests. None, unless all requests are questions: a
        server may close a kept one just as an order goes out, which would leave open whether it has arrived.
    :raises FateConfigError: a value cannot be right.
    """

    host: str
    port: int
    scheme: Literal["http", "https"] = "http"
    _: KW_ONLY
    verify: bool | str = True
    timeout: float = 10.0
    submit_timeout: float = 180.0
    retries: int = 3
    retry_wait: float = 0.5
    client_cert: tuple[str, str | None] | None = None
    keep_alive: int = 0

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host):
            raise FateConfigError(
                f"host {self.host!r} is not a host name.",
                hint="Give the name alone, such as 'server.example.com'; scheme and port have their own fields.",
            )
        if not 0 < self.port < 65536:
            raise FateConfigError(f"port {self.port} is not a port.", hint="Write a number from 1 to 65535.")
        if self.scheme not in ("http", "https"):
            raise FateConfigError(f"scheme {self.scheme!r} is neither 'http' nor 'https'.")
        for name in ("timeout", "submit_timeout"):
            if getattr(self, name) <= 0:
                raise FateConfigError(f"{name} {getattr(self, name)} is not a number of seconds above zero.")
        if self.retries < 0 or self.retry_wait < 0:
            raise FateConfigError("retries and retry_wait must not be negative.", hint="0 retries: try once.")

    def auth(self) -> httpx.Auth | None:
        """Return what signs requests; ``None``: nothing does."""
        return None

    @property
    def own_certificate(self) -> tuple[str, str | None] | None:
        """Paths of the certificate that is shown to a server that asks for one, and of its key; ``None``: none."""
        return self.client_cert

    @property
    def address(self) -> str:
        """``host:port``, as in an address bar."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def root_url(self) -> str:
        """What comes before the version of the interface. Holds no secret."""
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
