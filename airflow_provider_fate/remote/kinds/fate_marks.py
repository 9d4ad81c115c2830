"""The identity of a task in the jobs that it has asked for, and how its jobs are found again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef
from airflow_provider_fate.remote.kinds.fate_states import snapshot_of
from airflow_provider_fate.remote.work import Piece
from airflow_provider_fate.site.records import UNFINISHED, own_record

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord
    from airflow_provider_fate.remote.identity import WorkIdentity
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["MARK", "FoundJob", "find_jobs", "marked", "user_name"]

BEING_CREATED = "ready"
"""State of a job that not all parties have agreed to yet; then it is ``waiting``, or ``failed``."""
MARK = "airflow"
"""Key in a job's ``conf.extra`` under which the identity of the asking task travels; every party can read it."""


@dataclass(frozen=True)
class FoundJob(Piece[FateJobRef]):
    """A job that this task has submitted, with the record that speaks for it."""

    record: JobRecord | None = None


def user_name(identity: WorkIdentity) -> str:
    """The ``User-Name`` label of a task's jobs: stays on the initiator's server and is filtered by exactly."""
    return f"airflow-{identity.key}"


def marked(document: Mapping[str, Any], identity: WorkIdentity) -> dict[str, Any]:
    """The job with the identity in its ``conf.extra``; the given one is left alone."""
    spec = dict(document["dag"])
    conf = dict(spec.get("conf") or {})
    conf["extra"] = {**(conf.get("extra") or {}), MARK: {"key": identity.key, "epoch": identity.epoch}}
    return {**document, "dag": {**spec, "conf": conf}}


def find_jobs(session: SiteSession, identity: WorkIdentity) -> list[FoundJob]:
    """Jobs that carry the identity of a task, oldest first.

    The label finds finished ones as well; copies that FATE-Flow's own retry has made, and jobs whose creation was cut
    off, carry no label and are found by the mark in their description.
    """
    records: dict[str, list[JobRecord]] = {}
    for query in ({"user_name": user_name(identity), "limit": 100}, {"statuses": UNFINISHED, "limit": 0}):
        for record in session.client.job.list(**query).jobs:  # type: ignore[arg-type]
            if _mark_of(record).get("key") == identity.key:
                known = records.setdefault(record.job_id, [])
                if (record.role, record.party_id) not in {(r.role, r.party_id) for r in known}:
                    known.append(record)
    found = []
    for job_id in sorted(records):  # ids begin with the time of creation
        record = own_record(records[job_id], session.site.role, session.site.party_id)
        current = _mark_of(record).get("epoch") == identity.epoch
        seen = snapshot_of([record])
        settled = seen.detail != BEING_CREATED
        found.append(FoundJob(FateJobRef.of(record), seen, current=current, settled=settled, record=record))
    return found


def _mark_of(record: JobRecord) -> Mapping[str, Any]:
    mark = record.extra.get(MARK)
    return mark if isinstance(mark, Mapping) else {}
