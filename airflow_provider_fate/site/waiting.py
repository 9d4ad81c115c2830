"""Why a job does not get on: what holds it in the queue, and where a running one has come to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from airflow_provider_fate.site.diagnosis import task_table
from airflow_provider_fate.site.evidence import Evidence
from airflow_provider_fate.site.schedule_log import without_cores

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, JobState
    from airflow_provider_fate.site.ref import JobRef

MANY = 5
"""So many jobs are named; more are counted."""


def why_it_waits(flow: FlowClient, ref: JobRef) -> str:
    """What holds a waiting job, in words: a party without cores, a job before it in the queue, the jobs that run."""
    said = []
    if cores := without_cores(Evidence(flow, ref).schedule_log()):
        said.append(cores)
    unfinished = flow.job.list(statuses=("waiting", "running"), limit=0, descending=False).jobs
    before = _ids(r for r in unfinished if str(r.status) == "waiting" and r.job_id < ref.job_id)
    running = _ids(r for r in unfinished if str(r.status) == "running")
    if before:
        said.append(
            f"Before it waits {_named(before)}: FATE-Flow starts jobs in their order (conf.priority first), and one "
            "that gets no cores holds all behind it."
        )
    if running:
        said.append(f"Running: {_named(running)}.")
    if not said:
        said.append("Nothing else waits or runs on this site: a partner has no cores, or cannot be reached.")
    return " ".join(said)


class Queue:
    """The unfinished jobs of a site at one moment: made once, and asked by each of the thousands that wait.

    :param records: of all unfinished jobs, one or more for each.
    """

    def __init__(self, records: Iterable[JobState]) -> None:
        jobs: dict[str, JobState] = {}
        for record in records:
            if record.job_id not in jobs or record.role in ("guest", "local"):
                jobs[record.job_id] = record
        waiting = sorted(name for name, record in jobs.items() if str(record.status) == "waiting")
        using = {name: record for name, record in sorted(jobs.items()) if str(record.status) == "running"}
        self._places = {name: place for place, name in enumerate(waiting, 1)}
        self._asked = {name: record.cores for name, record in jobs.items()}
        if using:
            taken = sum(record.cores or 0 for record in using.values())
            self._taken = f"{f'{taken} are' if taken else 'some are'} in use by {_named(list(using))}"
        else:
            self._taken = "no job of this site runs: a partner has no cores, or cannot be reached"

    def place(self, job_id: str) -> str:
        """What a job waits for: cores, who has them, and its place."""
        asked = self._asked.get(job_id)
        said = [f"It waits for {asked} cores" if asked else "It waits for cores", self._taken]
        if place := self._places.get(job_id):
            said.append(f"it is number {place} of {len(self._places)} in the queue")
        return "; ".join(said) + "."


def where_it_is(flow: FlowClient, ref: JobRef) -> list[str]:
    """The tasks of a job that does not get on, as lines for a log."""
    evidence = Evidence(flow, ref)
    records = evidence.records()
    return task_table(evidence.tasks(), records[0].dag if records else {}).splitlines()


def _ids(records: Iterable[JobRecord]) -> list[str]:
    return sorted({record.job_id for record in records})


def _named(job_ids: list[str]) -> str:
    shown = ", ".join(job_ids[:MANY])
    return f"{shown} and {len(job_ids) - MANY} more" if len(job_ids) > MANY else shown
