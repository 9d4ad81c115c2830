"""Finding, submitting and stopping jobs of a site, for code that runs in a worker."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_fate.errors import FateAmbiguousSubmitError, FateConnectionError, FateError, FateServerError
from airflow_provider_fate.remote import telemetry
from airflow_provider_fate.remote.flow.ref import JobRef
from airflow_provider_fate.remote.flow.snapshot import own_record, snapshot_of
from airflow_provider_fate.remote.reuse import OnClear, Reuse
from airflow_provider_fate.remote.states import Snapshot

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord
    from airflow_provider_fate.hooks.site import FateSite
    from airflow_provider_fate.remote.identity import WorkIdentity

T = TypeVar("T")

log = logging.getLogger(__name__)

MARK = "airflow"
"""Key in a job's ``conf.extra`` under which the identity of the asking task travels; every party can read it."""
UNFINISHED = ("ready", "waiting", "running")
SUBMIT_PATIENCE = 120.0
"""Seconds for which a FATE-Flow that refuses connections is tried again before the submit fails."""
STOP_PATIENCE = 60.0
"""Seconds within which a stopped job must have ended."""
NOTHING_REUSED = Reuse()
APPEAR_PATIENCE = 45.0
"""Seconds within which a job whose submit was answered with a timeout shows up, if it was created at all."""


@dataclass(frozen=True)
class Found:
    """Jobs on the site that carry the identity of a task.

    :param current: of this epoch, oldest first.
    :param earlier: from before the task was cleared, oldest first.
    """

    current: list[JobRecord] = field(default_factory=list)
    earlier: list[JobRecord] = field(default_factory=list)


def user_name(identity: WorkIdentity) -> str:
    """The ``User-Name`` label of a task's jobs: stays on the initiator's server and is filtered by exactly."""
    return f"airflow-{identity.key}"


def marked(dag: Mapping[str, Any], identity: WorkIdentity) -> dict[str, Any]:
    """The DAG with the identity in its ``conf.extra``; the given one is left alone."""
    copied = copy.deepcopy(dict(dag))
    conf = copied["dag"].setdefault("conf", None) or {}
    conf["extra"] = {**(conf.get("extra") or {}), MARK: {"key": identity.key, "epoch": identity.epoch}}
    copied["dag"]["conf"] = conf
    return copied


def _mark_of(record: JobRecord) -> Mapping[str, Any]:
    mark = record.extra.get(MARK)
    return mark if isinstance(mark, Mapping) else {}


class FlowJobs:
    """Jobs of one site.

    :param flow: client of the site.
    :param site: the connection.
    """

    def __init__(self, flow: FlowClient, site: FateSite) -> None:
        self.flow = flow
        self.site = site

    # -- find -----------------------------------------------------------------------------------------------------

    def find(self, identity: WorkIdentity) -> Found:
        """Look for jobs that this task has submitted.

        The label finds finished ones as well; copies that FATE-Flow's own retry has made, and jobs whose creation was
        cut off, carry no label and are found by the mark in their DAG.
        """
        records: dict[str, list[JobRecord]] = {}
        label = user_name(identity)
        for query in (
            {"user_name": label, "limit": 100},
            {"statuses": UNFINISHED, "limit": 0},
        ):
            for record in self.flow.job.list(**query).jobs:  # type: ignore[arg-type]
                if _mark_of(record).get("key") == identity.key:
                    known = records.setdefault(record.job_id, [])
                    if (record.role, record.party_id) not in {(r.role, r.party_id) for r in known}:
                        known.append(record)
        found = Found()
        for job_id in sorted(records):  # ids begin with the time of creation
            record = own_record(records[job_id], self.site.role, self.site.party_id)
            if _mark_of(record).get("epoch") == identity.epoch:
                found.current.append(record)
            else:
                found.earlier.append(record)
        return found

    def attach(self, found: Found, reuse: Reuse = NOTHING_REUSED) -> JobRecord | None:
        """The job of this task that is worth waiting for, if there is one; what is left over is stopped.

        Unfinished and successful jobs are; what becomes of a failed or stopped one is for :mod:`.again` to say.
        """
        candidates = found.current
        if reuse.on_clear is not OnClear.NEW:
            candidates = [*found.earlier[-1:], *found.current]
        usable = [record for record in candidates if not snapshot_of([record]).state.is_bad_end]
        kept = usable[0] if usable else None
        for record in (*found.earlier, *found.current):
            if record is not kept and not snapshot_of([record]).state.is_over:
                what = "a copy" if record in found.current else "left from before this task was cleared"
                log.warning("Stopping job %s, %s", record.job_id, what)
                self.stop(record.job_id)
        return kept

    # -- submit ---------------------------------------------------------------------------------------------------

    def find_or_submit(
        self, identity: WorkIdentity, dag: Callable[[], Mapping[str, Any]], reuse: Reuse = NOTHING_REUSED
    ) -> JobRef:
        """The job of this task: the one that exists, or a new one.

        :param dag: makes the checked DAG; called only when it is needed.
        :param reuse: what becomes of a job that this task has begun before.
        """
        from airflow_provider_fate.remote.flow.again import take_up

        found = _patiently(lambda: self.find(identity))
        record = _patiently(lambda: self.attach(found, reuse))
        if record is not None:
            telemetry.count("attached", self.site.conn_id)
            log.info("Attaching to job %s (%s), which this task has submitted before", record.job_id, record.status)
            return self.ref(record)
        schema = dag()
        again = take_up(self, found, schema, reuse)
        if again.record is not None:
            return self.ref(again.record)
        return self._submit(identity, marked(again.dag, identity))

    def _submit(self, identity: WorkIdentity, schema: Mapping[str, Any]) -> JobRef:
        try:
            submitted = _patiently(lambda: self.flow.job.submit(schema, user_name=user_name(identity)))
        except FateAmbiguousSubmitError as e:
            log.warning("FATE-Flow did not say whether it created the job (%s); looking for it", e.message)
            return self.ref(self._wait_for(identity, e))
        telemetry.count("submitted", self.site.conn_id)
        log.info("Submitted job %s", submitted.job_id)
        self._stop_twins(identity, submitted.job_id)
        role, party_id = _own_party(schema, self.site)
        return JobRef(
            job_id=submitted.job_id,
            role=role,
            party_id=party_id,
            model_id=submitted.model_id,
            model_version=submitted.model_version,
        )

    def ref(self, record: JobRecord) -> JobRef:
        """Reference to a job, from one of its records."""
        return JobRef(
            job_id=record.job_id,
            role=record.role,
            party_id=record.party_id,
            model_id=record.model_id,
            model_version=record.model_version,
        )

    def _stop_twins(self, identity: WorkIdentity, job_id: str) -> None:
        """Stop the copies that FATE-Flow makes when creating a job takes it longer than 10 s."""
        for record in self.find(identity).current:
            if record.job_id != job_id and not snapshot_of([record]).state.is_over:
                log.warning("FATE-Flow created job %s as a copy of job %s: stopping it", record.job_id, job_id)
                self.stop(record.job_id)

    def _wait_for(self, identity: WorkIdentity, reason: FateError) -> JobRecord:
        end = time.monotonic() + APPEAR_PATIENCE
        while True:
            record = _patiently(lambda: self.attach(self.find(identity)))
            if record is not None:
                log.info("Found it: job %s", record.job_id)
                return record
            if time.monotonic() > end:
                raise reason
            time.sleep(3)

    # -- look and stop --------------------------------------------------------------------------------------------

    def snapshot(self, job_id: str) -> Snapshot:
        """Where a job stands."""
        return snapshot_of(self.flow.job.query(job_id=job_id), self.site.role, self.site.party_id)

    def stop(self, job_id: str) -> Snapshot:
        """Stop a job on all parties and read it again until it has ended.

        FATE-Flow may answer a stop with an error although it stopped the job: only the state counts.

        :raises FateServerError: it still runs after :data:`STOP_PATIENCE` seconds.
        """
        end = time.monotonic() + STOP_PATIENCE
        reason, asked = "it did not say why", False
        while True:
            snapshot = self.snapshot(job_id)
            if snapshot.state.is_over:
                if asked:
                    telemetry.count("stopped", self.site.conn_id)
                return snapshot
            if time.monotonic() > end:
                raise FateServerError(
                    f"Job {job_id} could not be stopped within {STOP_PATIENCE:.0f} s: {reason}",
                    job_id=job_id,
                    hint="Stop it in FATEBoard, or ask the operator of the site to.",
                )
            asked = True
            try:
                self.flow.job.stop(job_id)
            except FateError as e:
                reason = e.message
                log.warning("Stop of job %s was answered with: %s", job_id, reason)
                time.sleep(1)


def _own_party(dag: Mapping[str, Any], site: FateSite) -> tuple[str, str]:
    """Role and party id of the site in a DAG."""
    parties = [(str(party["role"]), str(party_id)) for party in dag["dag"]["parties"] for party_id in party["party_id"]]
    own = [p for p in parties if p[1] == site.party_id]
    exact = [p for p in own if p[0] == site.role]
    return (exact or own or parties)[0]


def _patiently(call: Callable[[], T]) -> T:
    """Repeat a call that did not reach FATE-Flow, with growing pauses, within :data:`SUBMIT_PATIENCE` seconds."""
    from tenacity import Retrying, before_sleep_log, retry_if_exception, stop_after_delay, wait_exponential

    return Retrying(
        retry=retry_if_exception(lambda e: isinstance(e, FateConnectionError) and not e.sent),
        wait=wait_exponential(multiplier=1, max=20),
        stop=stop_after_delay(SUBMIT_PATIENCE),
        before_sleep=before_sleep_log(log, logging.WARNING),
        reraise=True,
    )(call)
