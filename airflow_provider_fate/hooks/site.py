"""What a connection of type ``fate`` says, checked: where the site is, who it is, and how to sign requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from airflow_provider_fate.errors import FateConfigError
from airflow_provider_fate.hooks.connection_fields import CONN_TYPE

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_provider_fate.clients.flow import FlowSettings

DEFAULT_PORT = 9380


def _empty_is_none(value: Any) -> Any:
    """Airflow's form stores a field that was left empty as an empty string."""
    return None if value == "" else value


def _text(value: Any) -> Any:
    """Party ids are strings in FATE 2.x, yet people type numbers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _empty_is_none(value)


def _extra_of(connection: Connection) -> dict[str, Any]:
    """The connection's extra fields. Airflow takes broken JSON for none at all, and TLS would be switched off silently.

    :raises FateConfigError: they are no JSON object. The text itself is not shown: it may hold secrets.
    """
    if not connection.extra:
        return {}
    try:
        extra = json.loads(connection.extra)
    except json.JSONDecodeError as e:
        why = f"is not JSON ({e.msg}, line {e.lineno}, column {e.colno})"
    else:
        if isinstance(extra, dict):
            return extra
        why = f"is JSON, but a {type(extra).__name__} instead of an object"
    raise FateConfigError(
        f"Connection {connection.conn_id!r} cannot be used: extra {why}.",
        hint='Correct it under Admin > Connections, or in the variable: {"party_id": "9999", "tls": true}.',
    )


class FateSite(BaseModel):
    """One FATE site, as an Airflow connection describes it.

    :param conn_id: the connection's id, for messages.
    :param host: name or address of FATE-Flow, or of the proxy in front of it.
    :param port: its HTTP port.
    :param app_id: id by which FATE-Flow knows this client; ``None`` where it does not check clients.
    :param app_token: the secret that signs requests of ``app_id``; never shown.
    :param party_id: id of the site in the federation.
    :param role: role whose records are looked at first.
    :param tls: speak HTTPS.
    :param ca_file: CA bundle for it; ``None``: the system's.
    :param verify: check the certificate.
    :param timeout: seconds one request may take.
    :param board_url: template of the link to a job in FATEBoard.
    :param cores: cores FATE-Flow may hand out; ``None``: not known, not checked.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    conn_id: str
    host: str = Field(min_length=1)
    port: int = Field(default=DEFAULT_PORT, ge=1, le=65535)
    app_id: Annotated[str | None, BeforeValidator(_empty_is_none)] = None
    app_token: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(default=None, repr=False)
    party_id: Annotated[str | None, BeforeValidator(_text)] = None
    role: Annotated[Literal["guest", "host", "arbiter"] | None, BeforeValidator(_empty_is_none)] = None
    tls: Annotated[bool | None, BeforeValidator(_empty_is_none)] = None
    ca_file: Annotated[str | None, BeforeValidator(_empty_is_none)] = None
    verify: Annotated[bool | None, BeforeValidator(_empty_is_none)] = None
    timeout: Annotated[float | None, BeforeValidator(_empty_is_none)] = Field(default=None, ge=1, le=600)
    board_url: Annotated[str | None, BeforeValidator(_empty_is_none)] = None
    cores: Annotated[int | None, BeforeValidator(_empty_is_none)] = Field(default=None, ge=1)

    @field_validator("board_url")
    @classmethod
    def _board_url_is_a_template(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            value.format(job_id="1", role="guest", party_id="9999")
        except (KeyError, IndexError, ValueError):
            msg = "knows {job_id}, {role} and {party_id} only"
            raise ValueError(msg) from None
        if not value.startswith(("http://", "https://")):
            msg = "must start with http:// or https://"
            raise ValueError(msg)
        return value

    @classmethod
    def of(cls, connection: Connection) -> FateSite:
        """Read an Airflow connection.

        :raises FateConfigError: it is of another type, or a field is missing or wrong; names the connection and the
            field.
        """
        if connection.conn_type != CONN_TYPE:
            raise FateConfigError(
                f"Connection {connection.conn_id!r} cannot be used: it has "
                + (f"the type {connection.conn_type!r}" if connection.conn_type else "no type")
                + f", and a FATE site needs the type {CONN_TYPE!r}.",
                hint="Name another connection, or choose the type FATE under Admin > Connections "
                f'("conn_type": "{CONN_TYPE}" in JSON, {CONN_TYPE}:// in a URI).',
            )
        extra = _extra_of(connection)
        try:
            return cls.model_validate(
                {
                    **{k: v for k, v in extra.items() if k in cls.model_fields},
                    "conn_id": connection.conn_id,
                    "host": connection.host or "",
                    "port": connection.port or DEFAULT_PORT,
                    "app_id": connection.login,
                    "app_token": connection.password,
                }
            )
        except ValidationError as e:
            # The message is composed here, without the input: a token pasted into a wrong field must not be logged.
            faults = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in e.errors())
            raise FateConfigError(
                f"Connection {connection.conn_id!r} cannot be used: {faults}",
                hint="Edit it under Admin > Connections (type FATE).",
            ) from None

    @property
    def scheme(self) -> Literal["http", "https"]:
        """``https`` when the connection says TLS, else ``http``."""
        return "https" if self.tls else "http"

    def settings(self) -> FlowSettings:
        """What the client needs of it."""
        from airflow_provider_fate.clients.flow import AppId, FlowSettings

        verify: bool | str = True if self.verify is None else self.verify
        if verify and self.ca_file:
            verify = self.ca_file
        app = AppId(self.app_id, self.app_token or "") if self.app_id else None
        return FlowSettings(
            host=self.host,
            port=self.port,
            scheme=self.scheme,
            verify=verify,
            app=app,
            timeout=self.timeout or 30.0,
        )

    def board_link(self, job_id: str, role: str | None = None, party_id: str | None = None) -> str | None:
        """Link to a job in FATEBoard, or ``None`` where the connection names no template."""
        if not self.board_url:
            return None
        return self.board_url.format(
            job_id=quote(job_id, safe=""),
            role=quote(role or self.role or "guest", safe=""),
            party_id=quote(party_id or self.party_id or "", safe=""),
        )
