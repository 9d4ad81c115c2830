"""The connection type ``fate``: where a site is, who it is, how to sign requests, and how it is tested."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import BeforeValidator, Field, field_validator

from airflow_provider_fate.errors import FateAuthError, FateWrongPartyError
from airflow_provider_fate.hooks._tls import verification
from airflow_provider_fate.hooks.form import ConnectionModel, Extra, Form, Standard

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings

__all__ = ["FateSite", "asks_who", "verify_party"]


def _text(value: Any) -> Any:
    """Party ids are strings in FATE 2.x, yet people type numbers."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class FateSite(ConnectionModel):
    """One FATE site, as an Airflow connection describes it.

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

    form: ClassVar[Form] = Form(
        "fate", name="FATE", what="a FATE site", hook="airflow_provider_fate.hooks.flow.FateFlowHook"
    )

    host: Annotated[
        str,
        Standard(
            "host",
            "Host",
            "Name or address of FATE-Flow, or of the proxy in front of it: no scheme, no path.",
            placeholder="fate-flow.example.org",
        ),
    ]
    port: Annotated[int, Standard("port", "HTTP port", "Port of FATE-Flow's HTTP interface.", placeholder="9380")] = (
        Field(default=9380, ge=1, le=65535)
    )
    app_id: Annotated[
        str | None,
        Standard(
            "login",
            "App id",
            "Id of the app that the site made for this client. Only where FATE-Flow authenticates clients.",
            placeholder="only if FATE-Flow checks clients",
        ),
    ] = None
    app_token: Annotated[
        str | None,
        Standard(
            "password",
            "App token",
            "Token of that app. It signs requests and is never sent.",
            placeholder="only if FATE-Flow checks clients",
        ),
    ] = Field(default=None, repr=False)
    party_id: Annotated[
        str | None,
        Extra("Party id", "Id of this site in the federation, for example 9999.", prefill="9999"),
        BeforeValidator(_text),
    ] = None
    role: Annotated[
        Literal["guest", "host", "arbiter"] | None,
        Extra("Usual role", "Whose records of a job are shown when this site holds several.", prefill="guest"),
    ] = None
    tls: Annotated[
        bool | None,
        Extra(
            "TLS",
            "FATE-Flow itself speaks plain HTTP: on when a proxy in front of it terminates TLS.",
            prefill=False,
        ),
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
    timeout: Annotated[
        float | None,
        Extra(
            "Timeout (s)",
            "How long one request may take. Submitting a job has its own, longer limit.",
            prefill=30,
        ),
    ] = Field(default=None, ge=1, le=600)
    board_url: Annotated[
        str | None,
        Extra(
            "FATEBoard URL template",
            "Link to a job, with {job_id}, {role} and {party_id}, for example "
            "https://board.example.org/#/details?job_id={job_id}&role={role}&party_id={party_id}",
        ),
    ] = None
    cores: Annotated[
        int | None,
        Extra(
            "Cores of the cluster",
            "Cores that FATE-Flow may hand out. A job that asks for more is refused before it is submitted.",
        ),
    ] = Field(default=None, ge=1)

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

    @property
    def scheme(self) -> Literal["http", "https"]:
        """``https`` when the connection says TLS, else ``http``."""
        return "https" if self.tls else "http"

    def settings(self) -> FlowSettings:
        """What the client needs of it."""
        from airflow_provider_fate.clients.fate_flow import AppId, FlowSettings

        app = AppId(self.app_id, self.app_token or "") if self.app_id else None
        return FlowSettings(
            host=self.host,
            port=self.port,
            scheme=self.scheme,
            verify=verification(self.verify, self.ca_file),
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

    def check(self) -> str:
        """Connect and report version, party and authentication.

        :raises FateError: the site cannot be worked with.
        """
        from airflow_provider_fate.clients.fate_flow import FlowClient

        with FlowClient(self.settings()) as flow:
            version = flow.server.version().version
            who = verify_party(self, flow)
        auth = f"requests signed as app {self.app_id!r}" if self.app_id else "requests not signed"
        if self.app_id and not asks_who(self.settings()):
            auth += "; this site does not check who asks, so the app id and token were not tested"
        return f"FATE-Flow {version} at {self.host}:{self.port}, {who}, {auth}."


def verify_party(site: FateSite, flow: FlowClient) -> str:
    """Compare the connection's party id with what the server says of itself.

    :returns: how the site answered, for people: ``party 9999`` or ``standalone``.
    :raises FateWrongPartyError: the server is somebody else.
    """
    info = flow.site.info()
    if info.standalone or info.party_id is None:
        return "standalone, serves every party"
    if site.party_id is not None and info.party_id != site.party_id:
        raise FateWrongPartyError(
            f"Connection {site.conn_id!r} says party id {site.party_id!r}, but the FATE-Flow at "
            f"{site.host}:{site.port} is party {info.party_id!r}.",
            hint="Correct the party id of the connection, or its host: it may point at another party's site.",
        )
    return f"party {info.party_id}"


def asks_who(settings: FlowSettings) -> bool:
    """Whether a site refuses requests that nobody has signed; if it does not, a wrong token goes unnoticed."""
    from airflow_provider_fate.clients.fate_flow import FlowClient

    with FlowClient(replace(settings, app=None)) as flow:
        try:
            flow.job.list(limit=1)
        except FateAuthError:
            return True
    return False
