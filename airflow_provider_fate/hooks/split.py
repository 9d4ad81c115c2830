"""The connection type ``fate_split``: a service of split scoring, for who opens it and for who asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field, model_validator

from airflow_provider_fate.hooks._tls import verification
from airflow_provider_fate.hooks.form import ConnectionModel, Extra, Form, Standard

if TYPE_CHECKING:
    from airflow_provider_fate.clients.split import SplitSettings

__all__ = ["SplitService"]


class SplitService(ConnectionModel):
    """A service of split scoring, as an Airflow connection describes it.

    The party that opens the service, and the party that asks it, each have such a connection in their own Airflow. Port
    and secret are the same in both; files are each party's own.

    :param host: name or address by which others reach it; where it is opened, ``127.0.0.1`` keeps it to this machine.
    :param port: its port.
    :param secret: what the asking party presents; never shown. Without it, certificates have to do.
    :param tls: speak HTTPS; default: yes, but for ``127.0.0.1`` and ``localhost``.
    :param ca_file: who asks: authorities of the service's certificate. Who opens: those of the callers' certificates.
    :param cert_file: who opens: the service's certificate. Who asks: one's own, where the service wants one.
    :param key_file: its key.
    :param verify: check the service's certificate.
    :param timeout: seconds that an answer may take.
    """

    form: ClassVar[Form] = Form(
        "fate_split",
        name="FATE split scoring",
        what="a service of split scoring",
        hook="airflow_provider_fate.hooks.split.SplitHook",
    )

    host: Annotated[
        str,
        Standard(
            "host",
            "Host",
            "Name or address by which the other party reaches the service. Where it is opened: 127.0.0.1 keeps it to "
            "this machine, anything else opens it to all machines that reach this one.",
            placeholder="split.example.org",
        ),
    ]
    port: Annotated[int, Standard("port", "Port", "Its port.", placeholder="8443")] = Field(ge=1, le=65535)
    secret: Annotated[
        str | None,
        Standard("password", "Secret", "At least 32 characters, known to both parties and nobody else."),
    ] = Field(default=None, repr=False)
    tls: Annotated[bool | None, Extra("TLS", "Speak HTTPS. Without it, only on the machine itself.", prefill=True)] = (
        None
    )
    ca_file: Annotated[
        str | None,
        Extra(
            "CA file",
            "Path of a CA bundle. Who asks: it signs the service's certificate; empty: the system's. Who opens: it "
            "signs the callers' certificates; empty: none are asked for.",
        ),
    ] = None
    cert_file: Annotated[
        str | None, Extra("Certificate file", "Path of one's own certificate, in PEM, with its chain.")
    ] = None
    key_file: Annotated[str | None, Extra("Key file", "Path of its private key, in PEM.")] = None
    verify: Annotated[
        bool | None, Extra("Verify TLS", "Check the service's certificate. Switch off only for a test.", prefill=True)
    ] = None
    timeout: Annotated[float | None, Extra("Timeout (s)", "How long an answer may take.", prefill=10)] = Field(
        default=None, ge=0.1, le=600
    )

    @model_validator(mode="after")
    def _fits(self) -> SplitService:
        if (self.cert_file is None) != (self.key_file is None):
            msg = "a certificate file needs a key file, and the other way round"
            raise ValueError(msg)
        if not self.speaks_tls and not self.is_local:
            msg = "without TLS the service can only be on the machine itself: 127.0.0.1"
            raise ValueError(msg)
        return self

    @property
    def is_local(self) -> bool:
        """Whether the service is for this machine alone."""
        return self.host in ("127.0.0.1", "localhost")

    @property
    def speaks_tls(self) -> bool:
        """Whether it speaks HTTPS."""
        return not self.is_local if self.tls is None else self.tls

    def settings(self) -> SplitSettings:
        """What a client of it needs."""
        from airflow_provider_fate.clients.split import split_settings

        return split_settings(
            self.host,
            self.port,
            secret=self.secret,
            tls=self.speaks_tls,
            verify=verification(self.verify, self.ca_file),
            client_cert=(self.cert_file, self.key_file) if self.cert_file and self.key_file else None,
            timeout=self.timeout,
        )

    def check(self) -> str:
        """Ask what is served there.

        :raises FateError: it does not answer, or refuses.
        """
        from airflow_provider_fate.clients.split import SplitClient, SplitScoreClient
        from airflow_provider_fate.errors import FateProxyError

        where = self.settings().root_url
        with SplitClient(self.settings()) as host:
            try:
                part = host.ask.part()
                served = f"its part ({part.kind}) of {part.model} to guest {part.guest}"
                return f"Host {part.party_id} serves {served} at {where}."
            except FateProxyError as error:
                if error.status != 404:
                    raise
        with SplitScoreClient(self.settings()) as guest:
            found = guest.ask.server()
        return f"A guest's service answers at {where} ({found})."


def __getattr__(name: str) -> type:
    if name.startswith("__"):  # each import asks for __path__, and nothing of Airflow may be loaded for that
        raise AttributeError(name)
    from airflow_provider_fate.hooks.hook import hook_class

    return hook_class(SplitService, name)
