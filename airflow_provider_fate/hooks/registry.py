"""What the connection types of model registries have in common: address, TLS, credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from airflow_provider_fate.hooks._tls import verification
from airflow_provider_fate.hooks.form import ConnectionModel, Extra, Standard

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_fate.clients.http import LoginSettings

__all__ = ["RegistryServer"]


class RegistryServer(ConnectionModel):
    """A server that keeps models, as an Airflow connection describes it.

    :param host: name or address of the server, or of the proxy in front of it.
    :param port: its port; ``None``: 443 with TLS, else the one that such a server usually has.
    :param user: with a user name, ``secret`` is the password; without one it is a token.
    :param secret: password or token; never shown.
    :param prefix: path below which the server answers.
    :param page_url: template of the link to a model.
    """

    usual_port: ClassVar[int]
    other_types: ClassVar[tuple[str, ...]] = ("http",)
    """Connection types of other providers that describe such a server as well."""

    host: Annotated[
        str,
        Standard(
            "host", "Host", "Name or address of the server: no scheme, no path.", placeholder="mlflow.example.org"
        ),
    ]
    port: Annotated[
        int | None, Standard("port", "Port", "Its port. Empty: 443 with TLS, else the usual one of such a server.")
    ] = Field(default=None, ge=1, le=65535)
    user: Annotated[
        str | None,
        Standard("login", "User name", "Only where the server asks for a password.", placeholder="only for passwords"),
    ] = None
    secret: Annotated[
        str | None,
        Standard(
            "password",
            "Password or token",
            "With a user name its password (HTTP basic authentication), without one a token (bearer).",
            placeholder="only if the server checks clients",
        ),
    ] = Field(default=None, repr=False)
    prefix: Annotated[
        str | None, Extra("Path prefix", "Path below which the server answers, such as /mlflow. Empty: at the root.")
    ] = None
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
    timeout: Annotated[
        float | None, Extra("Timeout (s)", "How long one request may take; files have longer.", prefill=30)
    ] = Field(default=None, ge=1, le=600)
    page_url: Annotated[
        str | None,
        Extra("Page URL template", "Link to a model in the registry's pages, with {name} and {version}."),
    ] = None

    @field_validator("page_url")
    @classmethod
    def _page_url_is_a_template(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            value.format(name="model", version=1)
        except (KeyError, IndexError, ValueError):
            msg = "knows {name} and {version} only"
            raise ValueError(msg) from None
        if not value.startswith(("http://", "https://")):
            msg = "must start with http:// or https://"
            raise ValueError(msg)
        return value

    @field_validator("prefix")
    @classmethod
    def _prefix_is_a_path(cls, value: str | None) -> str | None:
        return f"/{value.strip('/')}" if value and value.strip("/") else None

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """Read an Airflow connection; one of a general HTTP type is understood as well.

        :raises FateConfigError: it is of another type, or a field is missing or wrong.
        """
        return super().of(_translated(connection, cls.form.conn_type) if cls._is_general(connection) else connection)

    @classmethod
    def _is_general(cls, connection: Connection) -> bool:
        return connection.conn_type in cls.other_types

    @property
    def scheme(self) -> Literal["http", "https"]:
        """``https`` when the connection says TLS, else ``http``."""
        return "https" if self.tls else "http"

    def settings(self) -> LoginSettings:
        """What the client needs of it."""
        from airflow_provider_fate.clients.http import LoginSettings

        return LoginSettings(
            host=self.host,
            port=self.port or (443 if self.tls else self.usual_port),
            scheme=self.scheme,
            verify=verification(self.verify, self.ca_file),
            timeout=self.timeout or 30.0,
            user=self.user,
            token=self.secret,
            prefix=self.prefix or "",
        )


def _translated(connection: Connection, conn_type: str) -> Connection:
    """The same server as a connection of our type: others write scheme and path into the host, or into schema."""
    import json

    from airflow.providers.common.compat.sdk import Connection

    host = connection.host or ""
    place = urlsplit(host if "://" in host else f"{connection.schema or 'http'}://{host}")
    extra = {"tls": place.scheme == "https", "prefix": place.path} | (connection.extra_dejson or {})
    return Connection(
        conn_id=connection.conn_id,
        conn_type=conn_type,
        host=place.hostname,
        port=connection.port or place.port,
        login=connection.login,
        password=connection.password,
        extra=json.dumps(extra),
    )
