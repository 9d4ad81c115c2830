"""What all kinds of work on a FATE site have in common: the connection, and its clients."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Self, TypeVar

from airflow_provider_fate.errors import FateError
from airflow_provider_fate.remote.work import RefT, RequestT, WorkKind

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import AsyncFlowClient
    from airflow_provider_fate.hooks.site import FateSite
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["FateKind"]

T = TypeVar("T")

log = logging.getLogger(__name__)


class FateKind(WorkKind[RefT, RequestT]):
    """Work on one FATE site.

    :param conn_id: Airflow connection of the site.
    :param site: the connection, where it was read already; without it, it is read when it is needed, and anew after
        :meth:`close`.
    """

    def __init__(self, conn_id: str, *, site: FateSite | None = None) -> None:
        super().__init__(conn_id)
        self._site = site
        self._given = site is not None
        self._client: AsyncFlowClient | None = None

    async def client(self) -> AsyncFlowClient:
        """The client that all that wait share."""
        if self._client is None:
            from airflow_provider_fate.clients.fate_flow import AsyncFlowClient

            self._client = AsyncFlowClient((await self.site()).settings())
        return self._client

    async def site(self) -> FateSite:
        """The connection as it is now, or as it was: Airflow may be away for a moment, which must end no wait."""
        from airflow_provider_fate.hooks.flow import FateFlowHook

        if self._site is not None and (self._given or self._client is not None):
            return self._site
        try:
            self._site = await FateFlowHook(self.conn_id).asite()
        except FateError:
            raise  # it was read, and is wrong
        except Exception as e:
            if self._site is None:
                raise
            log.warning("Connection %s cannot be read again, and is used as it was: %r", self.conn_id, e)
        return self._site

    async def blocking(self, work: Callable[[SiteSession], T]) -> T:
        """Do what is written for one client that blocks, in a thread: what a worker does once."""
        from airflow_provider_fate.site.session import session_at

        site = await self.site()

        def run() -> T:
            with session_at(site) as session:
                return work(session)

        return await asyncio.to_thread(run)

    def twin(self) -> Self:
        """Another instance for another event loop, with the connection as it was read."""
        return type(self)(self.conn_id, site=self._site)

    @classmethod
    def prepare(cls) -> None:
        """Import the client."""
        import airflow_provider_fate.clients.fate_flow
        import airflow_provider_fate.hooks.flow  # noqa: F401

    async def close(self) -> None:
        """Close the client."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
