"""Looking at many jobs of a site with few questions."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

from airflow_provider_fate.errors import FateError, is_transient
from airflow_provider_fate.remote.kinds.fate_states import snapshot_of
from airflow_provider_fate.remote.states import Snapshot
from airflow_provider_fate.site.records import ENDED, UNFINISHED, own_record

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import AsyncFlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, JobState, SiteInfo
    from airflow_provider_fate.hooks.site import FateSite
    from airflow_provider_fate.remote.meter import Meter

__all__ = ["JobLooks"]

log = logging.getLogger(__name__)

FEW = 2
"""So many jobs are asked for one by one: the list of all unfinished jobs of a busy site is longer."""
MANY = 8
"""If more jobs have left that list, the list of those that ended last is asked for before each by its id."""
AT_ONCE = 4
"""FATE-Flow answers on one Python process; more parallel questions only queue up there."""
PARTIES = 4
"""So many records of each are asked for: one site may play several parties of a job."""

_Seen: TypeAlias = "tuple[JobState | None, Snapshot]"
"""The record that speaks for a job, and what it says."""


def by_job(states: Iterable[JobState]) -> Mapping[str, list[JobState]]:
    """The records of each job."""
    found: defaultdict[str, list[JobState]] = defaultdict(list)
    for state in states:
        found[state.job_id].append(state)
    return found


class JobLooks:
    """Asks a site for its unfinished jobs; a job that left the list is asked for by its id.

    Many that left it at once are looked for in the list of those that ended last.

    :param meter: counts what is handed to other asyncio tasks.
    """

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self._connection: FateSite | None = None
        self._site: FateSite | None = None
        self._whose: SiteInfo | None = None
        self._last: dict[str, _Seen] = {}

    def at(self, site: FateSite) -> None:
        """Take the connection as it is now."""
        if site is not self._connection:
            self._connection = self._site = site
            self._whose = None

    async def _learn_party(self, flow: AsyncFlowClient) -> None:
        """Ask the site who it is where the connection does not say: else each job would be asked for by its id."""
        from airflow_provider_fate.clients.fate_flow.models import SiteInfo

        if self._site is None or self._site.party_id is not None or self._whose is not None:
            return
        try:
            self._whose = await flow.site.info()
        except FateError as e:
            if is_transient(e):
                raise
            log.info("%s does not say which party it is: %s", self._site.conn_id, e)
            self._whose = SiteInfo()
        self._site = self._site.model_copy(update={"party_id": self._whose.party_id})

    async def look(self, flow: AsyncFlowClient, keys: Collection[str]) -> Mapping[str, Snapshot]:
        """Snapshots of these jobs."""
        from airflow_provider_fate.clients.fate_flow.models import JobState

        unfinished: Mapping[str, list[JobState]] = {}
        if len(keys) > FEW:
            await self._learn_party(flow)
            unfinished = by_job(await flow.job.states(statuses=UNFINISHED))
        gate = asyncio.Semaphore(AT_ONCE)

        async def ask(key: str) -> _Seen:
            async with gate:
                records = await self.meter.of(flow.job.query(job_id=key))
            return self._read([JobState.of(record) for record in records])

        listed = {key: seen for key in keys if (seen := self._listed(key, unfinished.get(key, ())))}
        missing = [key for key in keys if key not in listed]
        # Which record speaks for the job has to be known: a list of the last ends may hold only some of its records.
        left = [key for key in missing if (last := self._last.get(key)) and last[0]]
        if len(left) > MANY:
            ended = by_job(await flow.job.states(statuses=ENDED, newest=PARTIES * len(left)))
            listed |= {key: seen for key in left if (seen := self._listed(key, ended.get(key, ())))}
            missing = [key for key in missing if key not in listed]
        asked = await asyncio.gather(*(ask(key) for key in missing))
        self._last = {**listed, **dict(zip(missing, asked, strict=True))}
        return {key: snapshot for key, (_, snapshot) in self._last.items()}

    def _listed(self, key: str, states: Sequence[JobState]) -> _Seen | None:
        """What the list of unfinished jobs says of one; ``None``: it has to be asked for."""
        if not states:
            return None
        last, _ = self._last.get(key, (None, None))
        if last in states:
            return self._last[key]  # nothing is computed anew for the thousands that only wait
        state, snapshot = self._read(states)
        if state is not None and self._speaks(state, last):
            return state, snapshot
        return None  # the record that speaks for the job may have ended, while another party's goes on

    def _speaks(self, state: JobState, last: JobState | None) -> bool:
        """Whether a record is the one that speaks for its job: that of before, or at first sight the site's own."""
        if last is not None:
            return (last.role, last.party_id) == (state.role, state.party_id)
        if self._whose is not None and self._whose.standalone:
            return state.role in ("guest", "local")  # of all parties' records, as `own_record` has it
        return self._site is not None and state.party_id == self._site.party_id

    def _read(self, states: Sequence[JobState]) -> _Seen:
        role, party_id = (self._site.role, self._site.party_id) if self._site else (None, None)
        records = cast("Sequence[JobRecord]", states)  # they have all that is read of a record here
        own = cast("JobState", own_record(records, role, party_id)) if states else None
        return own, snapshot_of(records, role, party_id)
