"""The shared poller of FATE-Flow jobs."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from airflow_provider_fate.hooks.flow import FateFlowHook
from airflow_provider_fate.remote.flow.snapshot import own_record, snapshot_of
from airflow_provider_fate.remote.poller import SharedPoller
from airflow_provider_fate.remote.states import Snapshot

if TYPE_CHECKING:
    from airflow_provider_fate.clients.flow import AsyncFlowClient
    from airflow_provider_fate.clients.flow.models import JobRecord, JobState
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
        self._spoke: dict[str, tuple[str, str]] = {}
        """Role and party of the record that speaks for each job."""

    async def client(self) -> AsyncFlowClient:
        """The client that all waiting tasks of this connection share; the connection is read anew after an error."""
        if self._client is None:
            from airflow_provider_fate.clients.flow import AsyncFlowClient

            self._site = await FateFlowHook(self.conn_id).asite()
            self._client = AsyncFlowClient(self._site.settings())
        return self._client

    def is_idle(self, observation: Snapshot) -> bool:
        """An unfinished job; an end may have to be seen more than once."""
        return not observation.state.is_over

    async def look(self, keys: Collection[str]) -> Mapping[str, Snapshot]:
        """Snapshots of these jobs."""
        flow = await self.client()
        role, party_id = (self._site.role, self._site.party_id) if self._site else (None, None)
        known: defaultdict[str, list[JobState]] = defaultdict(list)
        if len(keys) > FEW:
            for state in await flow.job.states(statuses=("ready", "waiting", "running")):
                known[state.job_id].append(state)
        gate = asyncio.Semaphore(AT_ONCE)
        found: dict[str, Snapshot] = {}

        def take(key: str, records: Sequence[JobRecord]) -> None:
            found[key] = snapshot_of(records, role, party_id)
            if records:
                record = own_record(records, role, party_id)
                self._spoke[key] = (record.role, record.party_id)

        async def ask(key: str) -> None:
            async with gate:
                take(key, await self.meter.of(flow.job.query(job_id=key)))

        for key in keys:
            # A state has all that is read of a record here.
            states = cast("list[JobRecord]", known.get(key, ()))
            if states and self._speaks(key, own_record(states, role, party_id)):
                take(key, states)
        await asyncio.gather(*(ask(key) for key in keys if key not in found))
        self._spoke = {key: party for key, party in self._spoke.items() if key in found}
        return found

    def _speaks(self, key: str, record: JobRecord) -> bool:
        """Whether it is the record that spoke for the job before: another party's may be unfinished for longer."""
        return self._spoke.get(key, (record.role, record.party_id)) == (record.role, record.party_id)

    async def close(self) -> None:
        """Close the client; the next look opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
