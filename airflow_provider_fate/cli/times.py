"""How long jobs and tasks take."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, TaskRecord


def age(record: JobRecord) -> float | None:
    """Since it was created: what one looks for in a job that waits. ``None`` where the server does not tell."""
    if record.create_time is None:
        return None
    return max(0.0, (datetime.now(tz=UTC) - record.create_time).total_seconds())


def seconds(record: JobRecord | TaskRecord) -> float | None:
    """From start to end, or until now; ``None`` for what has not started.

    The server's clock may be ahead of this one: never less than 0.
    """
    if record.elapsed:
        return record.elapsed / 1000
    if record.start_time is None:
        return None
    return max(0.0, ((record.end_time or datetime.now(tz=UTC)) - record.start_time).total_seconds())
