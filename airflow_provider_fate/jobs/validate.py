"""Find what is wrong with a job before it is submitted.

FATE-Flow accepts almost anything: a job with an unknown component fails minutes later on every party, one that waits
for a task that does not exist runs forever, and one that asks for more cores than there are fails with its reason in a
log that nobody reads. Everything that can be known from the job alone is checked here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from airflow_provider_fate.jobs.document import read_document
from airflow_provider_fate.jobs.problems import Problem, did_you_mean, invalid_job
from airflow_provider_fate.jobs.validation.conf import check_conf
from airflow_provider_fate.jobs.validation.job import Job
from airflow_provider_fate.jobs.validation.launchers import check_launchers
from airflow_provider_fate.jobs.validation.parties import check_parties
from airflow_provider_fate.jobs.validation.tasks import check_tasks

__all__ = ["check_dag", "require_valid", "require_valid_document"]

_FIELDS = ("parties", "conf", "stage", "tasks", "party_tasks")


def check_dag(dag: Mapping[str, object], *, party_id: str | None = None, cores: int | None = None) -> list[Problem]:
    """Return everything that is wrong with a job; nothing if it can be submitted.

    :param dag: the job, with or without ``{"dag": ...}`` around it.
    :param party_id: the party that the job will be submitted to; it must be in the job.
    :param cores: cores that each party's cluster has; nothing may ask for more.
    :raises FateInvalidJobError: it is not a job at all.
    """
    return list(_check(Job(read_document(dag)), party_id, cores))


def _check(job: Job, party_id: str | None, cores: int | None) -> Iterator[Problem]:
    for name in job.dag:
        if name not in _FIELDS:
            yield Problem(
                name,
                job.dag[name],
                "a job has no such field",
                did_you_mean(name, _FIELDS, otherwise=f"Known: {', '.join(_FIELDS)}."),
            )
    yield from check_parties(job, party_id)
    yield from check_conf(job, cores)
    yield from check_tasks(job)
    yield from check_launchers(job)


def require_valid(dag: Mapping[str, object], *, party_id: str | None = None, cores: int | None = None) -> None:
    """Raise one error with all that is wrong with a job; see :func:`check_dag`.

    :raises FateInvalidJobError: something is wrong.
    """
    if problems := check_dag(dag, party_id=party_id, cores=cores):
        raise invalid_job(problems)


def require_valid_document(
    document: Mapping[str, object], *, party_id: str | None = None, cores: int | None = None
) -> None:
    """The same for a job that has been read already: it is not copied again.

    :raises FateInvalidJobError: something is wrong.
    """
    if problems := list(_check(Job(document), party_id, cores)):
        raise invalid_job(problems)
