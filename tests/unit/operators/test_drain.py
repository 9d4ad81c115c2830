"""A site comes to rest: partners are kept out, what runs is waited for, and nothing that was granted is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateExecutionTimeout
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.drain import FateSiteDrainOperator, FateSiteResumeOperator
from airflow_provider_fate.site.opening import running_and_stale
from airflow_provider_fate.site.permissions import Permissions, grant, permissions_of
from airflow_provider_fate.site.records import UNFINISHED
from tests.support.fake_flow import FakeFlow, Script
from tests.support.fake_flow.tables import Table
from tests.support.task import CONN_ID, Task, connect, in_worker

TABLE = TableName("credit", "telco-1")
OPEN = Permissions("9999", ("psi", "reader"), ("credit.telco:1",))
CLOSED = Permissions("9999", ("psi",), ("credit.telco:1",))


@pytest.fixture
def site(fake_flow: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> FakeFlow:
    """A host that checks what its partners use, and has granted a table to one."""
    fake_flow.gate.sites = True
    fake_flow.plan(Script(stall="psi"))
    fake_flow.tables.add(Table(TABLE.namespace, TABLE.name, "dataframe", ["id"], [["1"]]))
    connect(monkeypatch, fake_flow, party_id="10000", role="host")
    return fake_flow


@pytest.fixture
def flow(site: FakeFlow) -> Iterator[FlowClient]:
    with FlowClient(site.settings) as client:
        grant(client, "9999", tables=[TABLE], components=["psi"])
        yield client


def running(flow: FlowClient) -> str:
    return flow.job.submit(Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", str(TABLE))]).dag()).job_id


def drain(**arguments: Any) -> Task:
    given: dict[str, Any] = {"partners": "9999", "poll_interval": 0.05} | arguments
    return Task(lambda: FateSiteDrainOperator(task_id="t", fate_conn_id=CONN_ID, **given))


def resume(*partners: str) -> Any:
    return Task(lambda: FateSiteResumeOperator(task_id="t", fate_conn_id=CONN_ID, partners=partners)).run()


def test_partners_are_kept_out_and_come_back_to_all_that_they_had(flow: FlowClient) -> None:
    assert permissions_of(flow, "9999") == OPEN
    for _ in range(2):
        assert drain().run() == {"partners": ["9999"], "stale": []}
        assert permissions_of(flow, "9999") == CLOSED
    for _ in range(2):
        assert resume("9999", "9998") == {"partners": ["9999"]}, "nothing was granted to the other"
        assert permissions_of(flow, "9999") == OPEN
    assert permissions_of(flow, "9998") == Permissions("9998")


def test_what_runs_is_waited_for_and_not_stopped(site: FakeFlow, flow: FlowClient) -> None:
    job_id = running(flow)
    task = drain()
    trigger = task.start()
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(trigger.wait(), 0.3))
    in_worker(task, trigger).on_kill()
    assert site.requests.count("/job/stop") == 0
    flow.job.stop(job_id)  # stands for its end
    assert task.resume(asyncio.run(asyncio.wait_for(trigger.wait(), 20))) == {"partners": ["9999"], "stale": []}


def test_what_still_runs_is_named_when_the_time_is_over(flow: FlowClient) -> None:
    job_id = running(flow)
    with pytest.raises(FateExecutionTimeout, match=job_id) as e:
        drain(execution_timeout=timedelta(seconds=5), deferrable=False).run()
    assert "FateSiteResumeOperator" in str(e.value)
    assert permissions_of(flow, "9999") == CLOSED


def test_a_row_of_which_nobody_tells_anything_is_not_waited_for(flow: FlowClient) -> None:
    job_id = running(flow)
    own, partners = (flow.job.list(roles=(role,), statuses=UNFINISHED).jobs for role in ("guest", "host"))
    (told,) = (record.update_time or record.create_time for record in partners)
    assert told is not None
    later = told + timedelta(seconds=1)
    assert running_and_stale(partners, told) == ([job_id], [])
    assert running_and_stale(partners, later) == ([], [job_id])
    assert running_and_stale([*own, *partners], later) == ([job_id], []), "what this site schedules it knows"


def test_where_nobody_is_checked_nothing_can_be_refused(site: FakeFlow, flow: FlowClient) -> None:
    site.gate.sites = False
    with pytest.raises(AirflowFailException, match="does not check which partner asks"):
        drain().run()
    with pytest.raises(AirflowFailException, match="does not check which partner asks"):
        resume("9999")
    assert drain(partners=()).run() == {"partners": [], "stale": []}, "it only waits"


@pytest.mark.usefixtures("site")
def test_wrong_arguments_are_not_retried() -> None:
    with pytest.raises(AirflowFailException, match="partners"):
        drain(partners=["9999; rm"]).run()
    with pytest.raises(AirflowFailException, match="partners"):
        resume("99 99")
