"""Jobs of partners as events, by which Airflow schedules DAGs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_fate.errors import FateError, is_transient
from airflow_provider_fate.remote.poller import SharedPoller
from airflow_provider_fate.remote.states import WorkState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_fate.remote.kinds.fate_incoming import FateIncoming, WantedJob
    from airflow_provider_fate.remote.poller import Wait

__all__ = ["FateIncomingJobTrigger"]


class FateIncomingJobTrigger(BaseEventTrigger):
    """Tells of each job that a partner starts at this site, as an event of an asset.

    ::

        used = Asset("telco_used", watchers=[AssetWatcher(name="jobs", trigger=FateIncomingJobTrigger(...))])

        @dag(schedule=[used])
        def note_it(): ...

    The event's payload is the job, as :class:`~airflow_provider_fate.sensors.incoming.FateIncomingJobSensor` gives it.
    A triggerer that starts anew looks back for ``lookback`` seconds: what came in while none ran is told if it is not
    older, and what was told just before may be told again. A DAG that must not act twice asks for the job's id.

    All that look at a site from one triggerer share one request per interval. A site that cannot be asked fails
    nothing.

    :param fate_conn_id: Airflow connection of this site.
    :param initiators: party ids of who may have started it; empty: anybody.
    :param components: it runs one of these here; empty: whatever.
    :param tables: it reads one of these here, ``namespace.name``, where ``*`` stands for any characters; empty:
        whatever.
    :param poll_interval: shortest pause in seconds between two looks.
    :param lookback: so many seconds before its start the trigger begins.
    """

    def __init__(
        self,
        *,
        fate_conn_id: str = "fate_default",
        initiators: Sequence[str] = (),
        components: Sequence[str] = (),
        tables: Sequence[str] = (),
        poll_interval: float = 15.0,
        lookback: float = 300.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.fate_conn_id = fate_conn_id
        self.initiators = list(initiators)
        self.components = list(components)
        self.tables = list(tables)
        self.poll_interval = poll_interval
        self.lookback = lookback

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        names = ("fate_conn_id", "initiators", "components", "tables", "poll_interval", "lookback")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Tell of jobs, one after the other, for ever."""
        from airflow_provider_fate.remote.kinds.fate_incoming import FateIncoming, WantedJob

        wanted = WantedJob(time.time() - self.lookback, "", self.initiators, self.components, self.tables)
        while True:
            poller = SharedPoller.shared(FateIncoming(self.fate_conn_id), wanted, self.poll_interval)
            looks = poller.watch(wanted, self.poll_interval)
            try:
                while (found := await self._next(looks)) is None:
                    pass
            finally:
                looks.leave()
            # Several may have come in since the last look.
            while found is not None:
                yield TriggerEvent(dict(found))  # type: ignore[no-untyped-call]
                wanted = replace(wanted, since=found["created"], after=found["job_id"])
                found = cast("FateIncoming", poller.kind).known(wanted)

    async def _next(self, looks: Wait[WantedJob]) -> Mapping[str, Any] | None:
        """The job, if one has come in; ``None``: not yet, or the site could not be asked."""
        try:
            seen = await looks.next()
        except FateError as e:
            log = self.log.warning if is_transient(e) else self.log.error
            log("%s cannot be asked; it is asked again: %s", self.fate_conn_id, e)
            return None
        return seen.found if seen.state is WorkState.SUCCEEDED else None
