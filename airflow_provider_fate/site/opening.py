"""Close a site to partners for a while, and open it again, without forgetting what was granted.

No job reads a table without the component ``reader``. So ``reader`` alone is taken away and given back, and what each
partner may use stays written down where it belongs, at the site: there is nothing to lose in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_fate.site.incoming import ROLES
from airflow_provider_fate.site.permissions import (
    READER,
    grant,
    permissions_of,
    require_enforced,
    revoke,
)

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord

__all__ = ["close_to", "open_to", "running_and_stale"]


def close_to(flow: FlowClient, partner: str) -> bool:
    """Let a partner start nothing that reads a table here; a job of it that runs already goes on.

    :returns: whether it could until now.
    :raises FateNotOfferedError: the site does not check which partner asks.
    """
    require_enforced(flow)
    if READER not in permissions_of(flow, partner).components:
        return False
    revoke(flow, partner, tables=(), components=(READER,))
    return True


def open_to(flow: FlowClient, partner: str) -> bool:
    """Let a partner use again what it was granted.

    :returns: whether it is open: a partner without a table has nothing to come back to.
    :raises FateNotOfferedError: the site does not check which partner asks.
    """
    require_enforced(flow)
    before = permissions_of(flow, partner)
    if not before.tables:
        return False
    if READER not in before.components:
        grant(flow, partner, tables=(), components=(READER,))
    return True


def running_and_stale(unfinished: Iterable[JobRecord], before: datetime) -> tuple[list[str], list[str]]:
    """Divide unfinished jobs into those that run, and those of partners of which nothing was told since a moment.

    FATE's scheduler tells a site once that a job is over; where it did not reach the site, the job reads ``running``
    for ever.

    :returns: ids of jobs, in their order.
    """
    records = list(unfinished)
    running = {record.job_id for record in records if not _is_stale(record, before)}
    return sorted(running), sorted({record.job_id for record in records} - running)


def _is_stale(record: JobRecord, before: datetime) -> bool:
    told = record.update_time or record.create_time
    return record.role in ROLES and told is not None and told < before
