"""Waiting for a FATE job in the triggerer."""

from __future__ import annotations

from typing import Any

from airflow_provider_fate.remote.flow.poller import FlowPoller
from airflow_provider_fate.remote.flow.progress import Progress
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.trigger import RemoteWorkTrigger


class FateJobTrigger(RemoteWorkTrigger):
    """Waits until a FATE job has ended, and logs its progress per task and party as it changes.

    All jobs that wait on one connection share one question to FATE-Flow per interval; the tasks of a job are asked for
    only when its record has changed, and once more after that: the next task starts one scheduler pass later.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._progress = Progress()
        self._last: Snapshot | None = None
        self._looks_due = 0

    def poller(self) -> FlowPoller:
        """The poller that all waiting jobs of the connection share."""
        return FlowPoller.shared(self.conn_id, self.poll_interval)

    async def report(self, snapshot: Snapshot) -> None:
        """Log what has changed in the job and its tasks."""
        if snapshot != self._last:
            if self._last is None or snapshot.state != self._last.state:
                self.log.info("Job %s is %s", self.work_id, snapshot.detail)
            self._last, self._looks_due = snapshot, 3
        # The tasks of a job in the queue wait as well: asking for them would only make thousands of jobs start slowly.
        if self._looks_due and snapshot.state is not WorkState.QUEUED:
            self._looks_due -= 1
            flow = await self.poller().client()
            for line in self._progress.news(await flow.task.query(job_id=self.work_id)):
                self.log.info("%s", line)

    async def pulse(self) -> str:
        """State and version of every task, and how long the logs of those that run here have grown."""
        flow = await self.poller().client()
        tasks = await flow.task.query(job_id=self.work_id)
        signs = []
        for task in tasks:
            sign = f"{task.task_name} {task.role} {task.party_id} {task.task_version} {task.status} {task.party_status}"
            if str(task.party_status) == "running":
                lines = await flow.log.count("task_info", self.work_id, task.role, task.party_id, task.task_name)
                sign += f" {lines}"
            signs.append(sign)
        return "\n".join(sorted(signs))

    async def stop(self) -> None:
        """Stop the job on all parties, unless it is over.

        Its state is read afterwards, because the answer to a stop is not reliable; and before: the triggerer, a worker
        and the API server may all want to stop it.
        """
        from airflow_provider_fate.clients.fate_flow import AsyncFlowClient
        from airflow_provider_fate.errors import FateError, FateServerError
        from airflow_provider_fate.hooks.flow import FateFlowHook
        from airflow_provider_fate.remote.flow.snapshot import snapshot_of

        site = await FateFlowHook(self.conn_id).asite()
        async with AsyncFlowClient(site.settings()) as flow:

            async def look() -> Snapshot:
                return snapshot_of(await flow.job.query(job_id=self.work_id), site.role, site.party_id)

            if (await look()).state.is_over:
                return
            try:
                await flow.job.stop(self.work_id)
            except FateError as e:
                self.log.warning("Stop of job %s was answered with: %s", self.work_id, e.message)
            snapshot = await look()
        if not snapshot.state.is_over:
            raise FateServerError(f"job {self.work_id} is still {snapshot.detail}", job_id=self.work_id)
