"""Waiting for a table in the triggerer."""

from __future__ import annotations

from typing import Any

from airflow_provider_fate.remote.flow.arrival import Arrival, WantedTable
from airflow_provider_fate.remote.flow.table_poller import TablePoller
from airflow_provider_fate.remote.states import Snapshot
from airflow_provider_fate.remote.trigger import RemoteWorkTrigger


class FateTableTrigger(RemoteWorkTrigger):
    """Waits until a site has a table as it is wanted, and logs what is missing as that changes.

    All tasks that wait for the same table share one question per interval. ``ref`` is the wanted table as JSON,
    ``work_id`` the same as text.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._wanted = WantedTable.from_json(self.ref)
        self._last: Snapshot | None = None

    def poller(self) -> TablePoller:
        """The poller that all waiting tables of the connection share."""
        return TablePoller.expecting(self.conn_id, self._wanted, self.poll_interval)

    async def report(self, snapshot: Snapshot) -> None:
        """Log what has changed."""
        if snapshot != self._last:
            self._last = snapshot
            self.log.info("%s: %s", self.work_id, snapshot.detail)

    async def pulse(self) -> str:
        """Nothing: a table that is not there shows no progress."""
        return ""

    async def stop(self) -> None:
        """Nothing: whoever makes the table goes on."""

    async def wait(self) -> dict[str, Any]:
        """Wait as all work is waited for; the event has the table as ``found``, if it has come."""
        return self._with_table(await super().wait())

    async def success_now(self) -> dict[str, Any] | None:
        """Look once, as at all work; the event has the table, too."""
        event = await super().success_now()
        return None if event is None else self._with_table(event)

    def _with_table(self, event: dict[str, Any]) -> dict[str, Any]:
        table = self._last.table if isinstance(self._last, Arrival) else None
        if table is None:
            return event | {"found": None}
        found = {
            "namespace": self._wanted.namespace,
            "name": self._wanted.name,
            "count": table.rows,
            "columns": list(table.columns),
            "job_id": table.job_id,
            "made": table.made,
        }
        return event | {"found": found}
