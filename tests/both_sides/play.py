"""Bringing one case about, and reading what either side is told."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.site.diagnosis import diagnose
from airflow_provider_fate.site.ref import JobRef
from tests.both_sides.cases import Case
from tests.integration.failures import tidy
from tests.support.pair import ENDED, Pair, PairSite
from tests.support.task import FakeTaskInstance, Task

REST = 60.0
"""Seconds within which what has gone wrong must have come to rest on both sides."""


@dataclass
class Played:
    """What has come of a case.

    :param guest: the log of the guest's task.
    :param host: what the host's diagnosis says of the job; empty where the host has no record of it.
    :param error: what the guest's task has failed with.
    :param ends: the job's state at guest and host.
    :param left: jobs that are unfinished on either side.
    """

    guest: str
    host: str
    error: BaseException | None
    ends: tuple[str, str]
    left: list[str]


def play(case: Case, pair: Pair, patience: float = 400) -> Played:
    """Bring the case about."""
    before = {record.job_id for record in pair.guest.flow.job.list(limit=1).jobs}
    job = case.job()
    task = Task(
        lambda: FateJobOperator(task_id="train", fate_conn_id=pair.guest.conn_id, job=job, **case.operator),
        FakeTaskInstance(run_id=uuid.uuid4().hex),
    )
    harm = threading.Thread(target=case.harm, args=(pair, task), daemon=True) if case.harm else None
    said, error = io.StringIO(), None
    with case.setting(pair), contextlib.redirect_stdout(said), logged_to(said):
        if harm:
            harm.start()
            time.sleep(0.5)
        try:
            task.run(patience)
        except Exception as e:
            error = e
    if harm:
        harm.join(300)
    log = tidy(said.getvalue(), pair.guest.conn_id) + (f"{type(error).__name__}: {error}\n" if error else "")
    job_id = _job_of(pair, task, error, before)
    return Played(
        guest=re.sub(r"(?:/[\w.+-]+)+/site-packages/", "…/site-packages/", log),
        host=_told(pair.host, job_id),
        error=error,
        ends=(_end(pair.guest, job_id), _end(pair.host, job_id)),
        left=_left(pair),
    )


@contextlib.contextmanager
def logged_to(stream: io.StringIO) -> Iterator[None]:
    """What is logged below the operator goes to the task's log, too, as it does in Airflow."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("airflow_provider_fate")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _job_of(pair: Pair, task: Task, error: BaseException | None, before: set[str]) -> str:
    """The job that the task was about, if there ever was one."""
    if announced := task.ti.xcoms.get("fate_job", {}).get("job_id"):
        return str(announced)
    if named := getattr(error, "job_id", None):
        return str(named)
    newest = {record.job_id for record in pair.guest.flow.job.list(limit=1).jobs}
    return next(iter(newest - before), "")


def _end(site: PairSite, job_id: str) -> str:
    """The state of the job at a site, once it does not change any more."""
    if not job_id:
        return "unknown"
    end = time.monotonic() + REST
    seen = site.status(job_id)
    while time.monotonic() < end and seen not in ENDED | {"unknown"}:
        time.sleep(0.5)
        seen = site.status(job_id)
    if seen == "failed":  # it may turn to canceled
        time.sleep(3)
        seen = site.status(job_id)
    return seen


def _told(site: PairSite, job_id: str) -> str:
    """What a site's own diagnosis says."""
    if not job_id or (state := _end(site, job_id)) in ("unknown", "success"):
        return ""
    found = diagnose(site.flow, JobRef(job_id, site.role, site.party), state)
    text = "\n".join([*found.lines(), found.summary])
    if state == "canceled":
        from airflow_provider_fate.site.diagnosis import stopped_by
        from airflow_provider_fate.site.evidence import Evidence

        ref = JobRef(job_id, site.role, site.party)
        evidence = Evidence(site.flow, ref)
        text += "\n" + stopped_by(evidence.tasks(), ref, evidence.schedule_log())
    return re.sub(r"(?:/[\w.+-]+)+/site-packages/", "…/site-packages/", text)


def _left(pair: Pair) -> list[str]:
    end = time.monotonic() + REST
    while True:
        left = [f"{record.job_id} at {site.party}" for site in pair.sites for record in site.unfinished()]
        if not left or time.monotonic() > end:
            return left
        time.sleep(1)
