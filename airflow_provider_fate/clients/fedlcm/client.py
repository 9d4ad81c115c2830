"""The two clients: the same endpoints, called or awaited."""

from __future__ import annotations

from airflow_provider_fate.clients.http import Api, AsyncClient, AsyncTransport, SyncClient, SyncTransport, Transport

from .envelope import FedlcmEnvelope
from .federations import FateGroup, FederationGroup
from .infra import EndpointGroup, InfraGroup, LcmServerGroup
from .openfl import OpenflGroup
from .records import AuthorityGroup, CertificateGroup, EventGroup, LcmChartGroup

__all__ = ["AsyncFedlcmClient", "FedlcmClient"]


class FedlcmApi(Api[Transport]):
    """The groups of endpoints that both clients have."""

    envelope = FedlcmEnvelope()

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.server = LcmServerGroup(transport)
        self.infras = InfraGroup(transport)
        self.endpoints = EndpointGroup(transport)
        self.charts = LcmChartGroup(transport)
        self.federations = FederationGroup(transport)
        self.fate = FateGroup(transport)
        self.openfl = OpenflGroup(transport)
        self.events = EventGroup(transport)
        self.certificates = CertificateGroup(transport)
        self.authority = AuthorityGroup(transport)


class FedlcmClient(SyncClient, FedlcmApi[SyncTransport]):
    """FedLCM; its settings are :class:`~.settings.FedlcmSettings`.

    >>> with FedlcmClient(FedlcmSettings("fedlcm.example.org", 80, password=secret)) as fedlcm:
    ...     [federation.name for federation in fedlcm.federations.list()]
    """


class AsyncFedlcmClient(AsyncClient, FedlcmApi[AsyncTransport]):
    """The same, awaited."""
