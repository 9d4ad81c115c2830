"""The connection type ``fate_airflow``: where an Airflow's API is, and how it is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from airflow_provider_fate.hooks._tls import verification
from airflow_provider_fate.hooks.form import ConnectionModel, Extra, Form, Standard

if TYPE_CHECKING:
    from airflow_provider_fate.clients.airflow_api import AirflowApiClient, AirflowApiSettings

__all__ = ["AirflowServer"]


class AirflowServer(ConnectionModel):
    """The API of an Airflow, as a connection describes it: tasks write connections through it.

    :param host: name or address of the API server.
    :param port: its port; ``None``: 443 with TLS, else 8080.
    :param user: with a user name, ``secret`` is the password; without one it is a token.
    :param secret: password, or a token (JWT); never shown.
    :param prefix: path below which the server answers.
    :param tls: speak HTTPS.
    :param ca_file: CA bundle for it; ``None``: the system's.
    :param verify: check the certificate.
    :param timeout: seconds one request may take.
    """

    form: ClassVar[Form] = Form(
        "fate_airflow",
        name="Airflow API (FATE)",
        what="an Airflow's API",
        hook="airflow_provider_fate.hooks.airflow_api.AirflowApiHook",
    )

    host: Annotated[
        str,
        Standard(
            "host",
            "Host",
            "Name or address of Airflow's API server: no scheme, no path.",
            placeholder="airflow.example.org",
        ),
    ]
    port: Annotated[int | None, Standard("port", "Port", "Its port. Empty: 443 with TLS, else 8080.")] = Field(
        default=None, ge=1, le=65535
    )
    user: Annotated[
        str | None,
        Standard("login", "User name", "User of Airflow who may edit connections. Empty: a token is used."),
    ] = None
    secret: Annotated[
        str,
        Standard("password", "Password or token", "The user's password; without a user name a token (JWT) of Airflow."),
    ] = Field(repr=False)
    prefix: Annotated[str | None, Extra("Path prefix", "Path below which Airflow answers. Empty: at the root.")] = None
    tls: Annotated[bool | None, Extra("TLS", "Speak HTTPS.", prefill=True)] = None
    ca_file: Annotated[
        str | None,
        Extra(
            "CA file",
            "Path, on the workers, of the CA bundle that signs the server's certificate. Empty: the system's.",
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

    def settings(self) -> AirflowApiSettings:
        """What the client needs of it."""
        from airflow_provider_fate.clients.airflow_api import AirflowApiSettings

        return AirflowApiSettings(
            host=self.host,
            port=self.port or (443 if self.tls else 8080),
            scheme=self.scheme,
            verify=verification(self.verify, self.ca_file),
            timeout=self.timeout or 30.0,
            user=self.user,
            token=self.secret,
            prefix=self.prefix or "",
        )

    def client(self) -> AirflowApiClient:
        """Open a client; close it."""
        from airflow_provider_fate.clients.airflow_api import AirflowApiClient

        return AirflowApiClient(self.settings())

    def check(self) -> str:
        """Log in, and report the version, and whether connections may be read.

        :raises FateError: it cannot be worked with.
        """
        with self.client() as airflow:
            version = airflow.server.version()
            airflow.connections.get(self.conn_id)
        who = f"user {self.user}" if self.user else "with a token"
        plain = "" if self.tls else "; the password travels in plain text"
        return f"Airflow {version} at {self.settings().root_url}, {who}, who may read connections{plain}."


def __getattr__(name: str) -> type:
    if name.startswith("__"):  # each import asks for __path__, and nothing of Airflow may be loaded for that
        raise AttributeError(name)
    from airflow_provider_fate.hooks.hook import hook_class

    return hook_class(AirflowServer, name)
