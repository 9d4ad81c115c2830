"""The shared poller of tables that somebody waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Self

from airflow_provider_fate.errors import FateTableNotFound
from airflow_provider_fate.remote.flow.arrival import DATAFRAME, SeenTable, WantedTable, maker_of
from airflow_provider_fate.remote.flow.poller import AT_ONCE, FlowPoller
from airflow_provider_fate.remote.states import Snapshot

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import AsyncFlowClient

TICK = 1.0
"""Shortest time in seconds after which is looked whether a table is due: a newcomer must not wait for the others."""
EARLY = 0.9
"""A table is due after this part of its interval: the poller's own pauses vary by a tenth."""

_Key = tuple[str, str]


class TablePoller(FlowPoller):
    """Asks a site for each table once per interval, however many tasks wait for it and whatever each wants of it.

    It has the client of a :class:`FlowPoller` and another subject. Its keys are the wants as text, so that tasks that
    want the same share one answer; the tables are asked for by their names.
    """

    def __init__(self, conn_id: str, interval: float) -> None:
        super().__init__(conn_id, interval)
        self._wanted: dict[str, tuple[WantedTable, float]] = {}
        self._seen: dict[_Key, tuple[float, SeenTable | None]] = {}
        self._made: dict[str, float | None] = {}

    @classmethod
    def expecting(cls, conn_id: str, wanted: WantedTable, interval: float) -> Self:
        """The poller of a connection, ready to be asked for ``str(wanted)``.

        :param interval: seconds between two looks at the table; of several tasks the most impatient decides.
        """
        poller = cls.shared(conn_id, min(TICK, interval))
        poller.interval = min(poller.interval, interval)  # look() sets it anew
        _, other = poller._wanted.get(str(wanted), (wanted, interval))
        poller._wanted[str(wanted)] = wanted, min(interval, other)
        return poller

    async def look(self, keys: Collection[str]) -> Mapping[str, Snapshot]:
        """Look at the tables that are due; of the others is told what was seen last."""
        self._wanted = {key: self._wanted[key] for key in keys}
        intervals: dict[_Key, float] = {}
        for wanted, interval in self._wanted.values():
            intervals[wanted.key] = min(interval, intervals.get(wanted.key, interval))
        self.interval = min((TICK, *intervals.values()))
        self._seen = {key: seen for key, seen in self._seen.items() if key in intervals}
        now = time.monotonic()
        due = [
            key
            for key, interval in intervals.items()
            if key not in self._seen or now - self._seen[key][0] >= EARLY * interval
        ]
        if due:
            flow = await self.client()
            gate = asyncio.Semaphore(AT_ONCE)

            async def ask(key: _Key) -> None:
                async with gate:
                    self._seen[key] = now, await self.meter.of(self._ask(flow, *key))

            await asyncio.gather(*(ask(key) for key in due))
        made_by = {table.job_id for _, table in self._seen.values() if table is not None}
        self._made = {job_id: made for job_id, made in self._made.items() if job_id in made_by}
        moment = time.time()
        return {key: self._judge(self._wanted[key][0], moment) for key in keys}

    def _judge(self, wanted: WantedTable, moment: float) -> Snapshot:
        _, table = self._seen[wanted.key]
        return wanted.judge(table, moment)

    async def _ask(self, flow: AsyncFlowClient, namespace: str, name: str) -> SeenTable | None:
        try:
            record = await flow.table.query(namespace, name)
        except FateTableNotFound:
            return None
        job_id = maker_of(record)
        made = await self._when(flow, job_id) if job_id and record.data_type == DATAFRAME else None
        return SeenTable(record.count, record.data_type, tuple(record.columns), job_id, made)

    async def _when(self, flow: AsyncFlowClient, job_id: str) -> float | None:
        """When a job was created; asked for once, because that never changes."""
        if job_id not in self._made:
            records = await flow.job.query(job_id=job_id)
            times = [record.create_time.timestamp() for record in records if record.create_time is not None]
            self._made[job_id] = min(times, default=None)
        return self._made[job_id]
