"""What the connection types of FedLCM and of its site portal have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from airflow_provider_fate.hooks._http import HttpService
from airflow_provider_fate.hooks.form import Standard

__all__ = ["LoginService"]


class LoginService(HttpService):
    """A service that gives a token for a name and a password, as an Airflow connection describes it.

    :param host: name or address of the service, or of the ``frontend`` in front of it.
    :param port: its port; ``None``: 443 with TLS, else the usual one.
    :param user: name of the user.
    :param password: the user's password; never shown.
    """

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

    @property
    def given(self) -> dict[str, Any]:
        """Arguments of the client's settings."""
        return {**self.reached, "user": self.user, "password": self.password}
