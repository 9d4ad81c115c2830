"""Where a FATE-Flow server is, and how to talk to it."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass

import httpx

from airflow_provider_fate.clients.http.settings import HEADER_TEXT, HttpSettings
from airflow_provider_fate.errors import FateConfigError

from .auth import AppId, AppIdAuth

__all__ = ["FlowSettings"]


@dataclass(frozen=True, slots=True)
class FlowSettings(HttpSettings):
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

    port: int = 9380
    _: KW_ONLY
    app: AppId | None = None
    app_user: str = ""

    def __post_init__(self) -> None:
        HttpSettings.__post_init__(self)
        if not HEADER_TEXT.fullmatch(self.app_user):
            raise FateConfigError(f"app user {self.app_user!r} cannot be sent in a header.", hint="Use ASCII.")

    def auth(self) -> httpx.Auth | None:
        """Return what signs requests; ``None``: the server does not check who asks."""
        return AppIdAuth(self.app, self.app_user) if self.app else None

    @property
    def base_url(self) -> str:
        """Root of the 2.x interface. Holds no secret."""
        return f"{self.root_url}/v2"
