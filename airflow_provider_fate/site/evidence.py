"""What a site can be asked about a job that did not end well; a piece that cannot be had is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from airflow_provider_fate.errors import FateError

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, LogType, TaskRecord
    from airflow_provider_fate.site.ref import JobRef

T = TypeVar("T")

TAIL = 15
"""Last lines of an error log that are shown."""
SCHEDULE_TAIL = 400
"""Last lines of the scheduler's log that are searched; a job that fails is not scheduled for long afterwards."""


class Evidence:
    """Reads what is known of a job on this site.

    :param flow: client of the site.
    :param ref: the job.
    """

    def __init__(self, flow: FlowClient, ref: JobRef) -> None:
        self._flow = flow
        self._ref = ref

    def records(self) -> Sequence[JobRecord]:
        """The job, once for each party that this site plays."""
        return _or_else((), lambda: self._flow.job.query(job_id=self._ref.job_id))

    def tasks(self) -> Sequence[TaskRecord]:
        """The newest version of its tasks."""
        return _or_else((), lambda: self._flow.task.query(job_id=self._ref.job_id))

    def task_errors(self, task: TaskRecord) -> tuple[str, ...]:
        """Last lines of a task's error log."""
        return self._tail("task_error", task.role, task.party_id, TAIL, task.task_name)

    def schedule_errors(self) -> tuple[str, ...]:
        """Last lines of the scheduler's error log."""
        return self._tail("schedule_error", self._ref.role, self._ref.party_id, TAIL)

    def schedule_log(self) -> tuple[str, ...]:
        """Last lines of the scheduler's whole log; none where another site schedules the job."""
        return self._tail("schedule_info", self._ref.role, self._ref.party_id, SCHEDULE_TAIL)

    def _tail(
        self, log_type: LogType, role: str, party_id: str, lines: int, task_name: str | None = None
    ) -> tuple[str, ...]:
        def read() -> tuple[str, ...]:
            place = (log_type, self._ref.job_id, role, party_id)
            count = self._flow.log.count(*place, task_name=task_name)
            if not count:
                return ()
            found = self._flow.log.query(*place, task_name=task_name, begin=max(1, count - lines + 1), end=count)
            return tuple(line.content.rstrip() for line in found if line.content.strip())

        return _or_else((), read)


def _or_else(nothing: T, read: Callable[[], T]) -> T:
    try:
        return read()
    except FateError:
        return nothing
