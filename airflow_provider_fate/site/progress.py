"""What the task log says while a job runs: one line per change, never per look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.site.inherit import producers

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import TaskRecord


def in_order(tasks: Iterable[TaskRecord], dag: Mapping[str, Any] | None = None) -> list[TaskRecord]:
    """Tasks in the order in which they started; those that have not come last, in the order in which they can.

    :param dag: the job's DAG, ``{"dag": ...}``; without it, tasks that have not started are sorted by name.
    """
    places = {name: place for place, name in enumerate(_run_order(dag or {}))}
    return sorted(
        tasks,
        key=lambda t: (
            t.start_time.timestamp() if t.start_time else float("inf"),
            places.get(t.task_name, len(places)),
            t.task_name,
            t.role,
            t.party_id,
        ),
    )


def _run_order(dag: Mapping[str, Any]) -> list[str]:
    """Names of the tasks, each after those that it needs; the order in which a DAG was written is not kept anywhere."""
    tasks: Mapping[str, Mapping[str, Any]] = (dag.get("dag") or {}).get("tasks") or {}
    needs = {
        name: sorted({*(task.get("dependent_tasks") or ()), *producers(task)}) for name, task in sorted(tasks.items())
    }
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError:
        return []


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
