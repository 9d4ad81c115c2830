"""The records that a site has of a job: one for each role and party that it plays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord

__all__ = ["ENDED", "UNFINISHED", "own_record"]

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
