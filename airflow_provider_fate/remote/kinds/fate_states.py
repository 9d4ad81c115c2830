"""From FATE-Flow's records of a job to one state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.site.records import own_record

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord

_STATES = {
    "ready": WorkState.QUEUED,
    "waiting": WorkState.QUEUED,
    "running": WorkState.RUNNING,
    "success": WorkState.SUCCEEDED,
    "finished": WorkState.SUCCEEDED,
    "failed": WorkState.FAILED,
    "timeout": WorkState.FAILED,
    "canceled": WorkState.STOPPED,
}


def snapshot_of(records: Sequence[JobRecord], role: str | None = None, party_id: str | None = None) -> Snapshot:
    """One look at a job, from the records that the site has of it."""
    if not records:
        return Snapshot(WorkState.MISSING, detail="unknown to FATE-Flow")
    record = own_record(records, role, party_id)
    status = str(getattr(record.status, "value", record.status))
    changed = record.update_time.timestamp() if record.update_time else None
    return Snapshot(_STATES.get(status, WorkState.RUNNING), record.progress, status, changed)
