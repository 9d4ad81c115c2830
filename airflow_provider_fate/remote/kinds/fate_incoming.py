"""A job of a partner that somebody waits for, as work that is only observed until it comes in."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.remote.kinds.fate_awaited import FateAwaited
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Ownership, WorkRef
from airflow_provider_fate.site.incoming import ROLES, IncomingJob, JobFilter, incoming

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import AsyncFlowClient

__all__ = ["FateIncoming", "WantedJob"]

log = logging.getLogger(__name__)

PAGE = 50
"""Records of one page weigh half a megabyte."""


@dataclass(frozen=True)
class WantedJob(WorkRef):
    """The first job that has come in after a moment, and is one of those that somebody wants.

    :param since: Unix time; a job counts that came in later.
    :param after: id of a job of just that time that was told before.
    """

    since: float
    after: str = ""
    initiators: Sequence[str] = ()
    components: Sequence[str] = ()
    tables: Sequence[str] = ()
    roles: Sequence[str] = ROLES

    ownership: Ownership = field(default=Ownership.OBSERVED, kw_only=True)

    @property
    def id(self) -> str:
        """The want as text, so that tasks that want the same share one answer."""
        return f"{self} after {self.after}" if self.after else str(self)

    @property
    def filter(self) -> JobFilter:
        """Which jobs count."""
        return JobFilter(*map(tuple, (self.initiators, self.components, self.tables, self.roles)))

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since, UTC).isoformat(timespec="seconds")
        return f"{self.filter} that has come in since {since}"

    def counts(self, job: IncomingJob) -> bool:
        """Whether a job is later, and wanted."""
        return (job.created, job.job_id) > (self.since, self.after) and self.filter.wants(job)


class FateIncoming(FateAwaited[WantedJob]):
    """Incoming jobs of a site: one question for all that wait for any, about what is new since the last one."""

    ref_type = WantedJob

    def __init__(self, conn_id: str, **kwargs: object) -> None:
        super().__init__(conn_id, **kwargs)  # type: ignore[arg-type]
        self._jobs: dict[tuple[str, str], IncomingJob] = {}
        self._since = float("inf")
        """All jobs that came in after this are known."""

    async def look(self, refs: Sequence[WantedJob]) -> Mapping[str, Snapshot]:
        """Read what is new, and judge it for each."""
        await self._read(min(ref.since for ref in refs))
        jobs = self._in_order()
        return {ref.id: _first(ref, jobs) for ref in refs}

    def known(self, ref: WantedJob) -> Mapping[str, Any] | None:
        """The job that is wanted, if it was among those of the last look."""
        return _first(ref, self._in_order()).found

    def _in_order(self) -> list[IncomingJob]:
        # A site may be host and arbiter of one job: what it does as host says more.
        return sorted(self._jobs.values(), key=lambda job: (job.created, job.job_id, job.role != "host"))

    async def _read(self, since: float) -> None:
        """Read the site's list from its newest job back to the first that is known, or older than is asked for."""
        flow = await self.client()
        known = dict(self._jobs) if since >= self._since else {}
        found: dict[tuple[str, str], IncomingJob] = {}
        page = 1
        while True:
            listed, complete = await self._page(flow, page, since, known)
            found |= listed
            if complete:
                break
            page += 1
        self._since = since
        self._jobs = {key: job for key, job in {**known, **found}.items() if job.created >= since}

    async def _page(
        self, flow: AsyncFlowClient, page: int, since: float, known: Mapping[tuple[str, str], IncomingJob]
    ) -> tuple[dict[tuple[str, str], IncomingJob], bool]:
        """The new jobs of one page, and whether all that are new have been read."""
        read = await self.meter.of(flow.job.list(roles=ROLES, limit=PAGE, page=page))
        jobs = list(incoming(read.jobs))
        new = {
            (job.job_id, job.role): job for job in jobs if (job.job_id, job.role) not in known and job.created >= since
        }
        return new, len(read.jobs) < PAGE or len(new) < len(jobs)


def _first(ref: WantedJob, jobs: Sequence[IncomingJob]) -> Snapshot:
    job = next((job for job in jobs if ref.counts(job)), None)
    if job is None:
        return Snapshot(WorkState.QUEUED, detail="none has come in yet")
    return Snapshot(WorkState.SUCCEEDED, detail=f"job {job.job_id} of party {job.initiator}", found=job.to_json())
