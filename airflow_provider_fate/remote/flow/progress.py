"""What the task log says while a job runs: one line per change, never per look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_fate.clients.flow.models import TaskRecord


def in_order(tasks: Iterable[TaskRecord]) -> list[TaskRecord]:
    """Tasks in the order in which they started; those that have not come last."""
    return sorted(
        tasks,
        key=lambda t: (
            t.start_time.timestamp() if t.start_time else float("inf"),
            t.task_name,
            t.role,
            t.party_id,
        ),
    )


def _status(record: TaskRecord) -> str:
    return str(getattr(record.party_status, "value", record.party_status) or "waiting")


class Progress:
    """Remembers what was said and gives the lines for what is new."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: dict[tuple[str, str, str], tuple[str, int]] = {}

    def news(self, tasks: Iterable[TaskRecord]) -> Iterator[str]:
        """Lines for the tasks whose status differs from what was said last.

        Parties of one task that changed in the same way share a line: ``psi_0: running -> success (guest 9999,
        host 10000) in 12.1 s``.
        """
        changes: dict[tuple[str, str, str], list[TaskRecord]] = {}
        for record in in_order(tasks):
            key = (record.task_name, record.role, record.party_id)
            now = (_status(record), record.task_version)
            before = self._said.get(key)
            if before == now or (before is None and now == ("waiting", 0)):
                continue
            self._said[key] = now
            changes.setdefault((record.task_name, before[0] if before else "", now[0]), []).append(record)
        for (name, before_status, status), records in changes.items():
            who = ", ".join(f"{r.role} {r.party_id}" for r in records)
            arrow = f"{before_status} -> {status}" if before_status else status
            took = max((r.elapsed or 0 for r in records), default=0)
            yield f"{name}: {arrow} ({who})" + (f" in {took / 1000:.1f} s" if took else "")
