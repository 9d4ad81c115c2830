"""The records that a site has of a job: one for each role and party that it plays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateConflictError, FateInputError, FateJobNotFound, FateTaskNotFound

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord

__all__ = ["ENDED", "UNFINISHED", "job_id_in", "own_record", "party_record", "require_success"]

UNFINISHED = ("ready", "waiting", "running")
"""Statuses of jobs that have not ended."""
ENDED = ("success", "failed", "timeout", "canceled")


def own_record(records: Sequence[JobRecord], role: str | None, party_id: str | None) -> JobRecord:
    """The record that speaks for this site.

    A site holds one record per role and party it plays: one on a real site, all of them where one server serves every
    party. The asked one comes first, then the one of the initiator.

    :param records: at least one.
    """

    def distance(record: JobRecord) -> tuple[bool, bool, bool]:
        return (
            (record.role, record.party_id) != (role, party_id),
            record.party_id != party_id,
            record.role not in ("guest", "local"),
        )

    return min(records, key=distance)


def job_id_in(name: str, given: object) -> str:
    """The job that somebody means.

    :param name: of the argument, for the message.
    :param given: the job's id, or the result of the task that ran it.
    :raises FateInputError: it names none.
    """
    job_id = given.get("job_id") if isinstance(given, Mapping) else given
    if not isinstance(job_id, str) or not job_id.strip():
        raise FateInputError(
            f"{name}={given!r} names no job.",
            hint="Give the result of the task that ran the job (train.output), or the id of the job.",
        )
    return job_id.strip()


def party_record(
    flow: FlowClient, job_id: str, role: str | None, party_id: str | None, *, usual_role: str | None = None
) -> JobRecord:
    """Find a party's record of a job.

    :param role: the party's role; ``None``: the one that it has in the job.
    :param party_id: the party; ``None``: the one that the site plays.
    :param usual_role: the role that is taken where it has several, if it has this one.
    :raises FateJobNotFound: the site does not know the job.
    :raises FateTaskNotFound: the party takes no part in it here.
    """
    records = flow.job.query(job_id=job_id)
    if not records:
        raise FateJobNotFound(
            f"This site does not know job {job_id}.",
            job_id=job_id,
            hint="Was it run over another connection, or cleaned?",
        )
    record = own_record(records, role or usual_role, party_id)
    if (party_id or record.party_id, role or record.role) != (record.party_id, record.role):
        there = ", ".join(sorted(f"{one.role} {one.party_id}" for one in records))
        raise FateTaskNotFound(
            f"Job {job_id} has no {role or 'party'} {party_id or ''} on this site.".replace("  ", " "),
            job_id=job_id,
            hint=f"This site has records of it for {there}: give role and party_id, or the connection of that party.",
        )
    return record


def require_success(record: JobRecord, otherwise: str) -> None:
    """Require that a job has succeeded.

    :param otherwise: what is so where it has not, for the message.
    :raises FateConflictError: it has not ended.
    :raises FateInputError: it has not succeeded.
    """
    if not record.status.is_terminal:
        raise FateConflictError(
            f"Job {record.job_id} has not ended: it is {record.status}.",
            job_id=record.job_id,
            hint="Let this task follow the one that waits for the job.",
        )
    if record.status != "success":
        raise FateInputError(
            f"Job {record.job_id} is {record.status}: {otherwise}.",
            job_id=record.job_id,
            hint="Run it to its end first.",
        )
