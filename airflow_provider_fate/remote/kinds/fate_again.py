"""A job that ended badly, taken up again: rerun, or followed by one that inherits what it has finished.

FATE-Flow answers every rerun with success, also where nothing will run, and shows the old end state for seconds.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateError, FateServerError
from airflow_provider_fate.remote import telemetry
from airflow_provider_fate.remote.kinds.fate_states import snapshot_of
from airflow_provider_fate.remote.reuse import OnClear, OnRetry, Reuse
from airflow_provider_fate.remote.states import WorkState
from airflow_provider_fate.remote.times import times
from airflow_provider_fate.site.inherit import finished_tasks, inheritable, unchanged_tasks, with_inheritance

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, TaskRecord
    from airflow_provider_fate.remote.kinds.fate_marks import FoundJob
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["Again", "take_up"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Again:
    """What to go on with: a job that runs again, or a description to submit."""

    document: Mapping[str, Any]
    record: JobRecord | None = None


def take_up(session: SiteSession, found: Sequence[FoundJob], document: Mapping[str, Any], reuse: Reuse) -> Again:
    """Follow the rules of a task for a job of its own that ended badly; without one, submit the description as it is.

    :param found: the task's jobs; none of them is unfinished or successful.
    :param document: what the task asks for now.
    """
    current = [piece for piece in found if piece.current]
    earlier = [piece for piece in found if not piece.current]
    if current:
        piece, rule = current[-1], reuse.on_retry
    elif earlier and reuse.on_clear is OnClear.RERUN:
        piece, rule = earlier[-1], OnRetry.RERUN
    else:
        return Again(document)
    old = piece.record
    if old is None or rule is OnRetry.NEW or piece.seen.state not in (WorkState.FAILED, WorkState.STOPPED):
        return Again(document)
    tasks = session.client.task.query(job_id=old.job_id)
    finished = finished_tasks(tasks)
    if not finished:
        log.info("Job %s has finished no task: running a new one", old.job_id)
        return Again(document)
    if rule is OnRetry.RERUN:
        if same_job(old.dag, document):
            return Again(document, rerun(session, old, tasks))
        log.info("The description has changed since job %s: it is not rerun", old.job_id)
    taken = inheritable(old.dag, document, finished)
    if not taken:
        log.info("No finished task of job %s is described as before: running everything anew", old.job_id)
        return Again(document)
    telemetry.count("inherited", session.site.conn_id)
    log.info("The new job takes over from job %s: %s", old.job_id, ", ".join(taken))
    return Again(with_inheritance(document, old.job_id, taken))


def same_job(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two DAGs ask for the same tasks, each described in the same way."""
    return set(unchanged_tasks(old, new)) == set(old["dag"]["tasks"]) == set(new["dag"]["tasks"])


def rerun(session: SiteSession, old: JobRecord, tasks: list[TaskRecord]) -> JobRecord:
    """Run a job's unfinished tasks again, and return its record when it has left its end state.

    :param tasks: its tasks before.
    :raises FateServerError: it has not left it.
    """
    settled = times().rerun_after_stop
    if old.update_time is not None:
        time.sleep(min(settled, max(0.0, settled - (time.time() - old.update_time.timestamp()))))
    version = max((task.task_version for task in tasks), default=0)
    telemetry.count("rerun", session.site.conn_id)
    log.info("Rerunning job %s: %s are kept", old.job_id, ", ".join(finished_tasks(tasks)))
    try:
        session.client.job.rerun(old.job_id)
    except FateError as e:
        log.warning("The rerun of job %s was answered with: %s", old.job_id, e.message)
    end = time.monotonic() + times().rerun
    while True:
        records = session.client.job.query(job_id=old.job_id)
        snapshot = snapshot_of(records, session.site.role, session.site.party_id)
        if not snapshot.state.is_bad_end:
            return old
        newest = max((task.task_version for task in session.client.task.query(job_id=old.job_id)), default=0)
        if time.monotonic() > end:
            if newest > version:  # it ran and ended between two looks
                return old
            raise FateServerError(
                f"Job {old.job_id} did not start again within {times().rerun:.0f} s after its rerun.",
                job_id=old.job_id,
                hint="Let the next try run a new job: on_retry='new'.",
            )
        time.sleep(times().rerun_pause)
