"""The connection type ``fate_airflow``: where an Airflow's API is, and how it is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from airflow_provider_fate.hooks._http import HttpService
from airflow_provider_fate.hooks.form import Form, Standard

if TYPE_CHECKING:
    from airflow_provider_fate.clients.airflow_api import AirflowApiClient, AirflowApiSettings

__all__ = ["AirflowServer"]


class AirflowServer(HttpService):
    """The API of an Airflow, as a connection describes it: tasks write connections through it.

    :param host: name or address of the API server.
    :param port: its port; ``None``: 443 with TLS, else 8080.
    :param user: with a user name, ``secret`` is the password; without one it is a token.
    :param secret: password, or a token (JWT); never shown.
    """

    form: ClassVar[Form] = Form(
        "fate_airflow",
        name="Airflow API (FATE)",
        what="an Airflow's API",
        hook="airflow_provider_fate.hooks.airflow_api.AirflowApiHook",
    )

    usual_port: ClassVar[int] = 8080

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

    def settings(self) -> AirflowApiSettings:
        """What the client needs of it."""
        from airflow_provider_fate.clients.airflow_api import AirflowApiSettings

        return AirflowApiSettings(**self.reached, user=self.user, token=self.secret)

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
        return f"Airflow {version} at {self.settings().root_url}, {who}, who may read connections{self.plain}."


def __getattr__(name: str) -> type:
    if name.startswith("__"):  # each import asks for __path__, and nothing of Airflow may be loaded for that
        raise AttributeError(name)
    from airflow_provider_fate.hooks.hook import hook_class

    return hook_class(AirflowServer, name)
