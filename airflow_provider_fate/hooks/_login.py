"""What the connection types of FedLCM and of its site portal have in common."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from airflow_provider_fate.hooks._tls import verification
from airflow_provider_fate.hooks.form import ConnectionModel, Extra, Standard

__all__ = ["LoginService"]


class LoginService(ConnectionModel):
    """A service that gives a token for a name and a password, as an Airflow connection describes it.

    :param host: name or address of the service, or of the ``frontend`` in front of it.
    :param port: its port; ``None``: 443 with TLS, else the usual one.
    :param user: name of the user.
    :param password: the user's password; never shown.
    :param prefix: path below which the service answers.
    :param tls: speak HTTPS.
    :param ca_file: CA bundle for it; ``None``: the system's.
    :param verify: check the certificate.
    :param timeout: seconds one request may take.
    """

    usual_port: ClassVar[int] = 80

    host: Annotated[
        str,
        Standard(
            "host",
            "Host",
            "Name or address of the service, or of the frontend in front of it: no scheme, no path.",
            placeholder="fedlcm.example.org",
        ),
    ]
    port: Annotated[
        int | None,
        Standard(
            "port",
            "Port",
            "Its port. Empty: 443 with TLS, else 80, which a frontend has; the server itself listens on 8080, or with "
            "TLS on 8443.",
        ),
    ] = Field(default=None, ge=1, le=65535)
    user: Annotated[
        str, Standard("login", "User name", "User of the service; capital letters count.", placeholder="Admin")
    ]
    password: Annotated[str, Standard("password", "Password", "The user's password.")] = Field(repr=False)
    prefix: Annotated[str | None, Extra("Path prefix", "Path below which it answers. Empty: at the root.")] = None
    tls: Annotated[
        bool | None, Extra("TLS", "Speak HTTPS: with the frontend, or another proxy in front of it.", prefill=True)
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
    def given(self) -> dict[str, Any]:
        """Arguments of the client's settings."""
        return {
            "host": self.host,
            "port": self.port or (443 if self.tls else self.usual_port),
            "scheme": self.scheme,
            "verify": verification(self.verify, self.ca_file),
            "timeout": self.timeout or 30.0,
            "user": self.user,
            "password": self.password,
            "prefix": self.prefix or "",
        }

    @property
    def plain(self) -> str:
        """What a connection without TLS has to be told."""
        return "" if self.tls else "; the password travels in plain text"
