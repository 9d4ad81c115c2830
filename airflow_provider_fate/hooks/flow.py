"""From an Airflow connection to a FATE-Flow client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_fate.hooks.fate import FateSite
from airflow_provider_fate.hooks.hook import ConnectionHook

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import AsyncFlowClient, FlowClient

__all__ = ["FateFlowHook"]


class FateFlowHook(ConnectionHook[FateSite]):
    """Client of the FATE-Flow that an Airflow connection describes.

    :param fate_conn_id: id of a connection of type ``fate``.
    """

    model = FateSite

    def __init__(self, fate_conn_id: str = "fate_default", **kwargs: Any) -> None:
        super().__init__(fate_conn_id, **kwargs)
        self.fate_conn_id = self.conn_id

    def site(self) -> FateSite:
        """The connection, checked.

        :raises FateConfigError: it has a missing or wrong field.
        """
        return self.read()

    async def asite(self) -> FateSite:
        """The same, without blocking the event loop."""
        return await self.aread()

    def get_conn(self) -> FlowClient:
        """Open a client; use it as a context manager."""
        from airflow_provider_fate.clients.fate_flow import FlowClient

        return FlowClient(self.site().settings())

    async def aget_conn(self) -> AsyncFlowClient:
        """Open an asynchronous client; use it as an asynchronous context manager."""
        from airflow_provider_fate.clients.fate_flow import AsyncFlowClient

        return AsyncFlowClient((await self.asite()).settings())
