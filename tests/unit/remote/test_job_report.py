"""What a task's log says of a job that waits long, and of one that computes long."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.clients.fate_flow.models import JobRecord, JobState
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.remote.kinds.fate_job import FateJob
from airflow_provider_fate.remote.kinds.fate_report import JobReporter
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.times import times_replaced
from airflow_provider_fate.site.inner_progress import planned_steps, progress_in
from airflow_provider_fate.site.ref import JobRef
from airflow_provider_fate.site.waiting import Queue
from tests.support.fake_flow import FakeFlow, Script
from tests.support.task import CONN_ID, connect

QUEUED, RUNNING = Snapshot(WorkState.QUEUED, detail="waiting"), Snapshot(WorkState.RUNNING, 40, "running")


def record(job_id: str, status: str, cores: int = 4) -> JobRecord:
    return JobRecord(job_id=job_id, role="guest", party_id="9999", status=status, cores=cores)


class Site:
    """A site with a queue, and one task that computes; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.jobs = [record("1", "running"), record("2", "waiting"), record("3", "waiting", 2)]
        self.lines = ["fitting guest decision tree iter 6, dim 0 done"]
        task = SimpleNamespace(query=self.tasks)
        log = SimpleNamespace(count=self.count, query=self.log)
        self._client = SimpleNamespace(task=task, log=log, job=SimpleNamespace(query=self.job))

    async def client(self) -> Any:
        return self._client

    async def queue(self) -> Queue:
        self.asked.append("queue")
        return Queue(JobState.of(job) for job in self.jobs)

    async def tasks(self, job_id: str) -> list[Any]:
        self.asked.append("tasks")
        return [
            SimpleNamespace(
                task_name="sbt_0", role=role, party_id=party, party_status="running", status="running",
                task_version=0, elapsed=None, start_time=None,
            )
            for role, party in (("guest", "9999"), ("host", "10000"))
        ]  # fmt: skip

    async def count(self, *_: Any) -> int:
        self.asked.append("count")
        return len(self.lines)

    async def log(self, *_: Any, begin: int, end: int) -> list[Any]:
        self.asked.append("lines")
        return [SimpleNamespace(content=line) for line in self.lines[begin - 1 : end]]

    async def job(self, job_id: str) -> list[JobRecord]:
        self.asked.append("job")
        dag = {"dag": {"tasks": {"sbt_0": {"parameters": {"num_trees": 20}}}}}
        return [record(job_id, "running").model_copy(update={"dag": dag})]


async def said(reporter: JobReporter, site: Site, snapshot: Snapshot, *moments: float) -> list[str]:
    return [line for now in moments async for line in reporter.news(site, snapshot, now)]


async def test_a_job_in_the_queue_says_what_it_waits_for_at_growing_pauses() -> None:
    site, reporter = Site(), JobReporter(JobRef("3", "guest", "9999"))
    with times_replaced(explain_queue=30.0):
        assert await said(reporter, site, QUEUED, 0.0, 10.0, 29.0) == ["Job 3 is waiting"]
        assert site.asked == []
        (line,) = await said(reporter, site, QUEUED, 30.0)
        assert line == "It waits for 2 cores; 4 are in use by 1; it is number 2 of 2 in the queue."
        site.jobs.pop(1)
        assert await said(reporter, site, QUEUED, 40.0, 60.0, 89.0) == []
        (line,) = await said(reporter, site, QUEUED, 91.0)
        assert "number 1 of 1" in line
        assert site.asked == ["queue", "queue"]


async def test_a_task_that_computes_long_says_how_far_it_is() -> None:
    site, reporter = Site(), JobReporter(JobRef("1", "guest", "9999"))
    with times_replaced(explain_queue=30.0):
        first = await said(reporter, site, RUNNING, 0.0, 2.0, 4.0)
        assert first[0] == "Job 1 is running"
        assert await said(reporter, site, RUNNING, 33.0) == ["sbt_0: tree 7 of 20"]
        asked = len(site.asked)
        assert await said(reporter, site, RUNNING, 40.0, 60.0) == []
        assert len(site.asked) == asked, "nothing is asked between"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[INFO] fitting host decision tree 0, dim 0 done", "tree 1 of 20"),
        ("[INFO] enter 3th epoch", "epoch 4 of 20"),
        ("[INFO] self.optimizer set epoch11", "epoch 12 of 20"),
        ("{'loss': 0.6912, 'grad_norm': 1.0, 'learning_rate': 0.01, 'epoch': 2.5}", "epoch 2.5 of 20, loss 0.6912"),
        ("[INFO] gh are packed", ""),
    ],
)
def test_steps_are_known_by_what_fate_logs(line: str, says: str) -> None:
    assert progress_in(["something before", line, "something after"], 20) == says


def test_a_task_without_planned_steps_has_none() -> None:
    assert planned_steps({"dag": {"tasks": {"psi_0": {}}}}, "psi_0") is None
    assert planned_steps({}, "psi_0") is None


def test_where_nothing_runs_here_a_partner_holds_the_job() -> None:
    assert "a partner has no cores" in Queue([JobState.of(record("3", "waiting"))]).place("3")


async def test_thousands_that_wait_ask_for_the_queue_once(fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, fake_site)
    fake_site.plan(Script(waiting=60.0))
    with FlowClient(fake_site.settings) as flow:
        ids = [
            flow.job.submit(Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")]).dag()).job_id
            for _ in range(3)
        ]
    async with FateJob(CONN_ID) as kind:
        said = await asyncio.gather(*(kind.queue() for _ in range(50)))
        assert len({id(queue) for queue in said}) == 1
        assert said[0].place(ids[1]).endswith("it is number 2 of 3 in the queue.")
    assert fake_site.requests.count("/job/list/query") == 1
