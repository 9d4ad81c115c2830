"""Jobs that partners have started: what each asks of this site, as its own record of the job tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.site.tables import read_tables

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord

__all__ = ["ROLES", "IncomingJob", "JobFilter", "incoming"]

ROLES = ("host", "arbiter")
"""Roles of a site in jobs that it has not started itself."""


@dataclass(frozen=True)
class IncomingJob:
    """A job in which this site serves a partner.

    :param job_id: its id, the same on all sites.
    :param role: this site's role, ``host`` or ``arbiter``.
    :param party_id: this site's party id in it.
    :param initiator: party id of who has started it, as the job says: true where sites are authenticated.
    :param scheduler: party id of whose FATE-Flow schedules it.
    :param components: what this site has to run.
    :param tables: ``namespace.name`` of the tables that its readers read here. Paths of data sets within the parameters
        of neural networks and language models are not among them.
    :param status: FATE-Flow's word, when it was looked at.
    :param created: Unix time at which the job came in.
    :param cores: what it takes of this site's pool.
    """

    job_id: str
    role: str
    party_id: str
    initiator: str
    scheduler: str
    components: tuple[str, ...]
    tables: tuple[str, ...]
    status: str
    created: float
    cores: int | None = None
    model_id: str | None = None
    model_version: str | None = None

    @classmethod
    def of(cls, record: JobRecord) -> IncomingJob:
        """Read a record."""
        dag = record.dag if isinstance(record.dag.get("dag"), dict) else {"dag": {"tasks": {}}}
        tasks: Mapping[str, Any] = dag["dag"].get("tasks") or {}
        mine = {str(task.get("component_ref")) for task in tasks.values() if _takes_part(task, record)}
        tables = {
            f"{table.namespace}.{table.name}"
            for table in read_tables(dag)
            if (table.role, table.party_id) == (record.role, record.party_id)
        }
        return cls(
            job_id=record.job_id,
            role=record.role,
            party_id=record.party_id,
            initiator=record.initiator_party_id or "",
            scheduler=record.scheduler_party_id or "",
            components=tuple(sorted(mine)),
            tables=tuple(sorted(tables)),
            status=str(record.status),
            created=record.create_time.timestamp() if record.create_time else 0.0,
            cores=record.cores,
            model_id=record.model_id,
            model_version=record.model_version,
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class JobFilter:
    """Which incoming jobs somebody wants to hear of; what is empty is not asked for.

    :param initiators: party ids of who may have started it.
    :param components: it runs one of these here.
    :param tables: it reads one of these here; ``*`` and ``?`` stand for characters, as in ``credit.telco_*``.
    :param roles: this site's role in it.
    """

    initiators: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    roles: tuple[str, ...] = ROLES

    def wants(self, job: IncomingJob) -> bool:
        """Whether a job is one of those."""
        return (
            job.role in self.roles
            and (not self.initiators or job.initiator in self.initiators)
            and (not self.components or bool(set(self.components) & set(job.components)))
            and (not self.tables or any(fnmatchcase(name, wish) for name in job.tables for wish in self.tables))
        )

    def __str__(self) -> str:
        terms = [
            f"{word} {' or '.join(wishes)}"
            for word, wishes in (("of", self.initiators), ("with", self.components), ("that reads", self.tables))
            if wishes
        ]
        return " ".join(["a job", *terms]) if terms else "a job of any partner"


def incoming(records: Sequence[JobRecord]) -> Iterator[IncomingJob]:
    """The incoming jobs among records, newest first if these are."""
    return (IncomingJob.of(record) for record in records if record.role in ROLES)


def _takes_part(task: Mapping[str, Any], record: JobRecord) -> bool:
    parties = task.get("parties")
    if not parties:
        return True
    return any(party["role"] == record.role and record.party_id in map(str, party["party_id"]) for party in parties)
