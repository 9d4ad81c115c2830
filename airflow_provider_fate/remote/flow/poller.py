"""The shared poller of FATE-Flow jobs."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from airflow_provider_fate.hooks.flow import FateFlowHook
from airflow_provider_fate.remote.flow.snapshot import snapshot_of
from airflow_provider_fate.remote.poller import SharedPoller
from airflow_provider_fate.remote.states import Snapshot

if TYPE_CHECKING:
    from airflow_provider_fate.clients.flow import AsyncFlowClient
    from airflow_provider_fate.clients.flow.models import JobRecord
    from airflow_provider_fate.hooks.site import FateSite

FEW = 2
"""So many jobs are asked for one by one: the list of all unfinished jobs of a busy site is longer."""
AT_ONCE = 4
"""FATE-Flow answers on one Python process; more parallel questions only queue up there."""


class FlowPoller(SharedPoller[Snapshot]):
    """Asks a site for its unfinished jobs once per interval; a job that left the list is asked for by its id."""

    def __init__(self, conn_id: str, interval: float) -> None:
        super().__init__(conn_id, interval)
        self._client: AsyncFlowClient | None = None
        self._site: FateSite | None = None

    async def client(self) -> AsyncFlowClient:
        """The client that all waiting tasks of this connection share; the connection is read anew after an error."""
        if self._client is None:
            from airflow_provider_fate.clients.flow import AsyncFlowClient

            self._site = await FateFlowHook(self.conn_id).asite()
            self._client = AsyncFlowClient(self._site.settings())
        return self._client

    async def look(self, keys: Collection[str]) -> Mapping[str, Snapshot]:
        """Snapshots of these jobs."""
        flow = await self.client()
        known: defaultdict[str, list[JobRecord]] = defaultdict(list)
        if len(keys) > FEW:
            page = await flow.job.list(limit=0, statuses=("ready", "waiting", "running"))
            for record in page.jobs:
                known[record.job_id].append(record)
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(key: str) -> None:
            async with gate:
                known[key] = await flow.job.query(job_id=key)

        await asyncio.gather(*(ask(key) for key in keys if key not in known))
        role, party_id = (self._site.role, self._site.party_id) if self._site else (None, None)
        return {key: snapshot_of(known[key], role, party_id) for key in keys}

    async def close(self) -> None:
        """Close the client; the next look opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
