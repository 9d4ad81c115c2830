"""What a task's log says of a FATE job while it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from airflow_provider_fate.remote.report import Reporter
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.site.progress import Progress

if TYPE_CHECKING:
    from airflow_provider_fate.remote.kinds.fate import FateKind

__all__ = ["JobReporter"]


class JobReporter(Reporter):
    """Tells the state of the job, and of its tasks per party.

    The tasks are asked for only when the job's record has changed, and twice more after that: the next task starts one
    scheduler pass later.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._progress = Progress()
        self._looks_due = 0

    async def news(self, kind: FateKind, snapshot: Snapshot, now: float) -> AsyncIterator[str]:  # type: ignore[type-arg]
        """Lines for what has changed in the job and its tasks."""
        if snapshot != self.last:
            if self.last is None or snapshot.state != self.last.state:
                yield f"Job {self.name} is {snapshot.detail}"
            self.last, self._looks_due = snapshot, 3
        # The tasks of a job in the queue wait as well: asking for them would only make thousands of jobs start slowly.
        if self._looks_due and snapshot.state is not WorkState.QUEUED:
            self._looks_due -= 1
            flow = await kind.client()
            for line in self._progress.news(await flow.task.query(job_id=self.name)):
                yield line
