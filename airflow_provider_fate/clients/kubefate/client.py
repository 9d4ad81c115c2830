"""The two clients: the same endpoints, called or awaited."""

from __future__ import annotations

from airflow_provider_fate.clients.http import Api, AsyncClient, AsyncTransport, SyncClient, SyncTransport, Transport

from .endpoints import ChartGroup, ClusterGroup, ClusterJobGroup, ServiceGroup
from .envelope import KubefateEnvelope

__all__ = ["AsyncKubefateClient", "KubefateClient"]


class KubefateApi(Api[Transport]):
    """The groups of endpoints that both clients have."""

    envelope = KubefateEnvelope()

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.server = ServiceGroup(transport)
        self.charts = ChartGroup(transport)
        self.clusters = ClusterGroup(transport)
        self.jobs = ClusterJobGroup(transport)


class KubefateClient(SyncClient, KubefateApi[SyncTransport]):
    """KubeFATE's service; its settings are :class:`~.settings.KubefateSettings`.

    >>> with KubefateClient(KubefateSettings("kubefate.example.org", 80, password=secret)) as kubefate:
    ...     [cluster.name for cluster in kubefate.clusters.list()]
    """


class AsyncKubefateClient(AsyncClient, KubefateApi[AsyncTransport]):
    """The same, awaited."""
