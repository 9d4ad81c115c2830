"""The two clients: the same endpoints, called or awaited."""

from __future__ import annotations

from airflow_provider_fate.clients.http import Api, AsyncClient, AsyncTransport, SyncClient, SyncTransport, Transport

from .endpoints import (
    AppGroup,
    DataGroup,
    JobGroup,
    LogGroup,
    ModelGroup,
    OutputGroup,
    PermissionGroup,
    ProviderGroup,
    ServerGroup,
    SiteGroup,
    TableGroup,
    TaskGroup,
)
from .envelope import FlowEnvelope
from .settings import FlowSettings

__all__ = ["AsyncFlowClient", "FlowClient"]


class FlowApi(Api[Transport]):
    """The groups of endpoints that both clients have."""

    envelope = FlowEnvelope()

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.job = JobGroup(transport)
        self.task = TaskGroup(transport)
        self.data = DataGroup(transport)
        self.table = TableGroup(transport)
        self.output = OutputGroup(transport)
        self.log = LogGroup(transport)
        self.model = ModelGroup(transport)
        self.provider = ProviderGroup(transport)
        self.server = ServerGroup(transport)
        self.site = SiteGroup(transport)
        self.app = AppGroup(transport)
        self.permission = PermissionGroup(transport)


class FlowClient(SyncClient, FlowApi[SyncTransport]):
    """A FATE-Flow 2.x server.

    Threads may share a client. A call that fails raises a :class:`~airflow_provider_fate.errors.FateError`; its
    documentation names those that mean something particular. Only what a local file does wrong stays an ``OSError``.

    >>> with FlowClient(FlowSettings(host="127.0.0.1")) as flow:
    ...     job = flow.job.submit(dag)
    ...     records = flow.job.query(job_id=job.job_id)
    """

    settings: FlowSettings

    def __init__(self, settings: FlowSettings) -> None:
        super().__init__(settings)


class AsyncFlowClient(AsyncClient, FlowApi[AsyncTransport]):
    """A FATE-Flow 2.x server, without blocking the event loop; the same methods as :class:`FlowClient`,
    awaited.

    A client belongs to the event loop that first uses it.
    """

    settings: FlowSettings

    def __init__(self, settings: FlowSettings) -> None:
        super().__init__(settings)
