"""The two clients: the same endpoints, called or awaited."""

from __future__ import annotations

from airflow_provider_fate.clients.http import Api, AsyncClient, AsyncTransport, SyncClient, SyncTransport, Transport

from .projects import PortalJobGroup, ProjectGroup
from .settings import PortalEnvelope
from .site import PortalDataGroup, PortalModelGroup, PortalServerGroup, PortalSiteGroup

__all__ = ["AsyncPortalClient", "PortalClient"]


class PortalApi(Api[Transport]):
    """The groups of endpoints that both clients have."""

    envelope = PortalEnvelope()

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.server = PortalServerGroup(transport)
        self.site = PortalSiteGroup(transport)
        self.data = PortalDataGroup(transport)
        self.projects = ProjectGroup(transport)
        self.jobs = PortalJobGroup(transport)
        self.models = PortalModelGroup(transport)


class PortalClient(SyncClient, PortalApi[SyncTransport]):
    """A site portal; its settings are :class:`~.settings.PortalSettings`.

    >>> with PortalClient(PortalSettings("portal.bank.example.org", 443, "https", password=secret)) as portal:
    ...     [project.name for project in portal.projects.list().joined]
    """


class AsyncPortalClient(AsyncClient, PortalApi[AsyncTransport]):
    """The same, awaited."""
