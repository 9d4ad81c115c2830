"""From FATE-Flow's records of a job to one state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_provider_fate.remote.states import Snapshot, WorkState

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


def snapshot_of(records: Sequence[JobRecord], role: str | None = None, party_id: str | None = None) -> Snapshot:
    """One look at a job, from the records that the site has of it."""
    if not records:
        return Snapshot(WorkState.MISSING, detail="unknown to FATE-Flow")
    record = own_record(records, role, party_id)
    status = str(getattr(record.status, "value", record.status))
    changed = record.update_time.timestamp() if record.update_time else None
    return Snapshot(_STATES.get(status, WorkState.RUNNING), record.progress, status, changed)
