"""What connections to a service over HTTP have in common: path, TLS, patience."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from airflow_provider_fate.hooks._tls import verification
from airflow_provider_fate.hooks.form import ConnectionModel, Extra, Standard

__all__ = ["HttpService"]


class HttpService(ConnectionModel):
    """A service that answers below a path of a host; each kind describes ``host`` and ``port`` itself.

    :param host: name or address of the service.
    :param port: its port; ``None``: 443 with TLS, else the usual one.
    :param prefix: path below which the service answers.
    :param tls: speak HTTPS.
    :param ca_file: CA bundle for it; ``None``: the system's.
    :param verify: check the certificate.
    :param timeout: seconds one request may take.
    """

    usual_port: ClassVar[int] = 80
    """Without TLS; with it, 443."""

    host: Annotated[str, Standard("host", "Host", "Name or address of the service: no scheme, no path.")]
    port: Annotated[int | None, Standard("port", "Port", "Its port. Empty: the usual one.")] = Field(
        default=None, ge=1, le=65535
    )
    prefix: Annotated[str | None, Extra("Path prefix", "Path below which it answers. Empty: at the root.")] = None
    tls: Annotated[
        bool | None, Extra("TLS", "Speak HTTPS: with the service, or a proxy in front of it.", prefill=True)
    ] = None
    ca_file: Annotated[
        str | None,
        Extra(
            "CA file",
            "Path, on the workers and the triggerer, of the CA bundle that signs the server's certificate. "
            "Empty: the system's.",
        ),
    ] = None
    verify: Annotated[
        bool | None,
        Extra("Verify TLS", "Check the server's certificate. Switch off only for a test.", prefill=True),
    ] = None
    timeout: Annotated[float | None, Extra("Timeout (s)", "How long one request may take.", prefill=30)] = Field(
        default=None, ge=1, le=600
    )

    @field_validator("prefix")
    @classmethod
    def _prefix_is_a_path(cls, value: str | None) -> str | None:
        return f"/{value.strip('/')}" if value and value.strip("/") else None

    @property
    def scheme(self) -> Literal["http", "https"]:
        """``https`` when the connection says TLS, else ``http``."""
        return "https" if self.tls else "http"

    @property
    def reached(self) -> dict[str, Any]:
        """Arguments of the client's settings that say how the service is reached."""
        return {
            "host": self.host,
            "port": self.port or (443 if self.tls else self.usual_port),
            "scheme": self.scheme,
            "verify": verification(self.verify, self.ca_file),
            "timeout": self.timeout or 30.0,
            "prefix": self.prefix or "",
        }

    @property
    def plain(self) -> str:
        """What a connection without TLS has to be told."""
        return "" if self.tls else "; the password travels in plain text"
