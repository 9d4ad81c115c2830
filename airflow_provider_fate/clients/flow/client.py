"""The two clients: the same endpoints, called or awaited."""

from __future__ import annotations

from typing import Self

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
from .settings import FlowSettings
from .transport import AsyncTransport, SyncTransport

__all__ = ["AsyncFlowClient", "FlowClient"]


class FlowClient:
    """A FATE-Flow 2.x server.

    Threads may share a client. A call that fails raises a :class:`~airflow_provider_fate.errors.FateError`; its
    documentation names those that mean something particular. Only what a local file does wrong stays an ``OSError``.

    >>> with FlowClient(FlowSettings(host="127.0.0.1")) as flow:
    ...     job = flow.job.submit(dag)
    ...     records = flow.job.query(job_id=job.job_id)
    """

    def __init__(self, settings: FlowSettings) -> None:
        self.settings = settings
        self._transport = transport = SyncTransport(settings)
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

    def close(self) -> None:
        """Close the client; it cannot be used afterwards."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.settings.base_url!r})"


class AsyncFlowClient:
    """A FATE-Flow 2.x server, without blocking the event loop; the same methods as :class:`FlowClient`,
    awaited.

    A client belongs to the event loop that first uses it.
    """

    def __init__(self, settings: FlowSettings) -> None:
        self.settings = settings
        self._transport = transport = AsyncTransport(settings)
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

    async def close(self) -> None:
        """Close the client; it cannot be used afterwards."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.settings.base_url!r})"
