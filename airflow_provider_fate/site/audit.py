"""Who has used this site, when, for what and how much: the jobs of partners that have ended within a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateError
from airflow_provider_fate.site.incoming import ROLES, IncomingJob
from airflow_provider_fate.site.records import ENDED, UNFINISHED

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord

__all__ = ["AuditedJob", "Usage", "ended_jobs", "stale_jobs", "usage_by_partner"]

PAGE = 100


@dataclass(frozen=True)
class AuditedJob:
    """A partner's job that has ended.

    :param job: what it asked of this site.
    :param started: when it began; ``None``: it never did.
    :param ended: when it ended here.
    :param seconds: between the two.
    :param rows: rows of all tables that it has read here, as they are now; ``None``: one of them is not there any more.
    """

    job: IncomingJob
    started: datetime | None
    ended: datetime
    seconds: float
    rows: int | None

    @property
    def core_seconds(self) -> float:
        """What it has taken of this site's pool."""
        return self.seconds * (self.job.cores or 0)


@dataclass
class Usage:
    """What one partner has used.

    :param ends: jobs by how they ended.
    """

    jobs: int = 0
    core_seconds: float = 0.0
    ends: dict[str, int] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=dict)

    def add(self, job: AuditedJob) -> None:
        """Count a job."""
        self.jobs += 1
        self.core_seconds += job.core_seconds
        self.ends[job.job.status] = self.ends.get(job.job.status, 0) + 1
        for table in job.job.tables:
            self.tables[table] = self.tables.get(table, 0) + 1


def ended_jobs(flow: FlowClient, begin: datetime, end: datetime) -> Iterator[AuditedJob]:
    """The jobs of partners that have ended from ``begin`` on and before ``end``, newest first, each once.

    Read are the jobs that have ended since ``begin``, in pages, and none that are older, however many there are. What
    ends meanwhile moves the pages on, which makes some records come twice, and none be missed.
    """
    seen: set[tuple[str, str]] = set()
    counts: dict[str, int | None] = {}
    page = 1
    while True:
        records = flow.job.list(
            roles=ROLES, statuses=ENDED, order_by="end_time", descending=True, limit=PAGE, page=page
        ).jobs
        for record in records:
            if record.end_time is None or not begin <= record.end_time < end or (record.job_id, record.role) in seen:
                continue
            seen.add((record.job_id, record.role))
            yield _audited(flow, record, record.end_time, counts)
        oldest = records[-1].end_time if records else None
        if len(records) < PAGE or oldest is None or oldest < begin:
            return
        page += 1


def stale_jobs(flow: FlowClient, before: datetime) -> list[str]:
    """Jobs of partners that are unfinished here, and of which nobody has told anything since a moment.

    FATE's scheduler tells each site once how a job stands; where it did not reach this one, the row stays as it is.
    Whether such a job still runs only the partner knows.
    """
    records = flow.job.list(roles=ROLES, statuses=UNFINISHED, limit=0).jobs
    return sorted({r.job_id for r in records if (r.update_time or r.create_time or before) < before})


def usage_by_partner(jobs: Iterable[AuditedJob]) -> Mapping[str, Usage]:
    """Sum up what each partner has used, by its party id."""
    found: dict[str, Usage] = {}
    for job in jobs:
        found.setdefault(job.job.initiator, Usage()).add(job)
    return dict(sorted(found.items()))


def _audited(flow: FlowClient, record: JobRecord, ended: datetime, counts: dict[str, int | None]) -> AuditedJob:
    job = IncomingJob.of(record)
    seconds = (ended - record.start_time).total_seconds() if record.start_time else 0.0
    return AuditedJob(job, record.start_time, ended, max(0.0, seconds), _rows(flow, job.tables, counts))


def _rows(flow: FlowClient, tables: Sequence[str], counts: dict[str, int | None]) -> int | None:
    total = 0
    for name in tables:
        if name not in counts:
            try:
                table = TableName.parse(name)
                counts[name] = flow.table.query(table.namespace, table.name).count
            except FateError:
                counts[name] = None
        count = counts[name]
        if count is None:
            return None
        total += count
    return total
