"""What a task's log says of a FATE job while it waits and runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_fate.remote.report import Reporter
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.times import times
from airflow_provider_fate.site.inner_progress import planned_steps, progress_in
from airflow_provider_fate.site.progress import Progress
from airflow_provider_fate.site.records import own_record

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import AsyncFlowClient
    from airflow_provider_fate.clients.fate_flow.models import TaskRecord
    from airflow_provider_fate.site.ref import JobRef
    from airflow_provider_fate.site.waiting import Queue

__all__ = ["JobReporter"]

LINES = 60
"""Last lines of a task's log that are searched for its progress."""
LONGEST = 1800.0
"""Longest pause in seconds between two lines about the same wait."""


class JobSite(Protocol):
    """What the reporter asks."""

    async def client(self) -> AsyncFlowClient:
        """The client that all share."""

    async def queue(self) -> Queue:
        """The site's unfinished jobs; asked for once for many that wait."""


class JobReporter(Reporter):
    """Tells the state of the job, of its tasks per party, and how far they are.

    The tasks are asked for only when the job's record has changed, and twice more after that: the next task starts one
    scheduler pass later. What a queued job waits for, and how far a running task of this site is, is asked for at
    pauses that double.
    """

    def __init__(self, ref: JobRef) -> None:
        super().__init__(ref.job_id)
        self._ref = ref
        self._progress = Progress()
        self._looks_due = 0
        self._running: tuple[TaskRecord, ...] = ()
        self._told = ""
        self._tell_at = 0.0
        self._pause = 0.0

    async def news(self, kind: JobSite, snapshot: Snapshot, now: float) -> AsyncIterator[str]:
        """Lines for what has changed in the job and its tasks."""
        if snapshot != self.last:
            if self.last is None or snapshot.state != self.last.state:
                yield f"Job {self.name} is {snapshot.detail}"
                self._begin(now)
            self.last, self._looks_due = snapshot, 3
        # The tasks of a job in the queue wait as well: asking for them would only make thousands of jobs start slowly.
        if self._looks_due and snapshot.state is not WorkState.QUEUED:
            self._looks_due -= 1
            flow = await kind.client()
            tasks = await flow.task.query(job_id=self.name)
            for line in self._progress.news(tasks):
                yield line
            own = (self._ref.role, self._ref.party_id)
            running = tuple(t for t in tasks if (t.role, t.party_id) == own and str(t.party_status) == "running")
            if {t.task_name for t in running} != {t.task_name for t in self._running}:
                self._running = running
                self._begin(now)
        if now >= self._tell_at and not snapshot.state.is_over:
            self._pause = min(2 * self._pause, LONGEST)
            self._tell_at = now + self._pause
            said = await self._more(kind, snapshot)
            if said and said != self._told:
                self._told = said
                yield said

    def _begin(self, now: float) -> None:
        self._pause = times().explain_queue
        self._tell_at = now + self._pause

    async def _more(self, kind: JobSite, snapshot: Snapshot) -> str:
        """What holds a job in the queue, or how far its running tasks are."""
        if snapshot.state is WorkState.QUEUED:
            return (await kind.queue()).place(self.name)
        said = [f"{task.task_name}: {step}" for task in self._running if (step := await self._step(kind, task))]
        return "; ".join(said)

    async def _step(self, kind: JobSite, task: TaskRecord) -> str:
        flow: Any = await kind.client()
        place = ("task_info", self.name, task.role, task.party_id, task.task_name)
        if not (count := await flow.log.count(*place)):
            return ""
        lines = await flow.log.query(*place, begin=max(1, count - LINES + 1), end=count)
        if not (step := progress_in(line.content for line in lines)):
            return ""
        records = await flow.job.query(job_id=self.name)
        document = own_record(records, task.role, task.party_id).dag if records else {}
        return progress_in((line.content for line in lines), planned_steps(document, task.task_name)) or step
