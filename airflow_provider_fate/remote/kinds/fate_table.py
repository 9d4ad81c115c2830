"""A table that somebody else brings to a FATE site, as work that is only observed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateTableNotFound
from airflow_provider_fate.remote.kinds.fate_awaited import FateAwaited
from airflow_provider_fate.remote.kinds.fate_job_looks import AT_ONCE
from airflow_provider_fate.remote.kinds.fate_wanted import DATAFRAME, SeenTable, WantedTable, maker_of
from airflow_provider_fate.remote.states import Snapshot

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import AsyncFlowClient

__all__ = ["FateTable"]

log = logging.getLogger(__name__)

REMEMBERED = 1000
"""So many times of jobs are kept at most."""


class FateTable(FateAwaited[WantedTable]):
    """A table that is waited for: each is asked for once per interval, whatever each task wants of it."""

    ref_type = WantedTable
    together = False

    def __init__(self, conn_id: str, **kwargs: object) -> None:
        super().__init__(conn_id, **kwargs)  # type: ignore[arg-type]
        self._made: dict[str, float | None] = {}

    def subject(self, ref: WantedTable) -> str:
        """The table's name."""
        return ".".join(ref.key)

    async def look(self, refs: Sequence[WantedTable]) -> Mapping[str, Snapshot]:
        """Ask for each table, and judge what each task wants of it."""
        flow = await self.client()
        gate = asyncio.Semaphore(AT_ONCE)
        seen: dict[tuple[str, str], SeenTable | None] = {}

        async def ask(key: tuple[str, str]) -> None:
            async with gate:
                seen[key] = await self.meter.of(self._ask(flow, *key))

        await asyncio.gather(*(ask(key) for key in dict.fromkeys(ref.key for ref in refs)))
        moment = time.time()
        return {ref.id: ref.judge(seen[ref.key], moment) for ref in refs}

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
            if len(self._made) >= REMEMBERED:
                self._made.clear()
            self._made[job_id] = min(times, default=None)
        return self._made[job_id]
