"""A partner who is not ready is waited for, for as long as the task says, and for nothing that a wait cannot mend."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.providers.standard.triggers.temporal import DateTimeTrigger

from airflow_provider_fate.errors import FateCreateJobError, FateJobFailed, FatePartnerTimeout
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators import _partners
from airflow_provider_fate.operators.job import FateJobOperator
from tests.support.fake_flow import Failure, FakeFlow, Script
from tests.support.task import Task, connect

JOB = Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")])
DOWN = (104, "Federated schedule error, Connection refused")
NO_PERMISSION = (5005, "No Permission: type[component],component_name[reader]")
NO_ROUTE = (104, "broker of 9999: no route to 10000")


def refuse(site: FakeFlow, answer: tuple[int, str], times: int | None) -> None:
    """Let the host answer this to the creation of a job."""
    code, text = answer
    answers = {
        "guest": {"9999": {"code": 0, "message": "success"}},
        "host": {"10000": {"code": code, "message": text}},
    }
    site.faults.answer(1002, f"Traceback\nException: ('create job failed', {answers})", "/job/submit", times=times)


def task(monkeypatch: pytest.MonkeyPatch, site: FakeFlow, **arguments: Any) -> Task:
    connect(monkeypatch, site)
    return Task(
        lambda: FateJobOperator(task_id="t", fate_conn_id="fate_site", job=JOB, check_tables=False, **arguments)
    )


def put_off(task: Task, operator: Any = None) -> TaskDeferred:
    """Run a task until it is put off."""
    operator = operator or task.make()
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(task.context)
    return deferred.value


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_partners, "FIRST_PAUSE", timedelta(milliseconds=20))


@pytest.mark.parametrize("answer", [DOWN, NO_PERMISSION])
def test_the_task_is_put_off_and_says_for_whom(
    fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch, answer: tuple[int, str], capsys: pytest.CaptureFixture[str]
) -> None:
    refuse(fake_site, answer, 1)
    waiting = task(monkeypatch, fake_site, wait_for_partners=timedelta(hours=6))
    before = datetime.now(tz=UTC)

    deferred = put_off(waiting)

    assert isinstance(deferred.trigger, DateTimeTrigger)
    assert deferred.trigger.moment - before >= timedelta(seconds=59)
    assert waiting.ti.xcoms["partners"]["waits_for"].startswith("host 10000 ")
    assert "Not every partner is ready: host 10000 " in capsys.readouterr().out

    then = waiting.make()
    with pytest.raises(TaskDeferred) as again:
        getattr(then, deferred.method_name)(waiting.context, None)
    assert again.value.method_name == "execute_complete", "the job was submitted, and is waited for"


def test_pauses_grow_and_the_wait_ends(fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(fake_site, DOWN, None)
    waiting = task(monkeypatch, fake_site, wait_for_partners=timedelta(hours=1))
    pauses = []
    for _ in range(7):
        deferred = put_off(waiting)
        pauses.append(round((deferred.trigger.moment - datetime.now(tz=UTC)).total_seconds() / 60))
    assert pauses == [1, 2, 4, 8, 15, 15, 15]

    long_ago = datetime.now(tz=UTC) - timedelta(hours=1)
    waiting.ti.xcoms["partners"] |= {"since": long_ago.isoformat()}
    with pytest.raises(FatePartnerTimeout, match="within wait_for_partners=1:00:00: host 10000 cannot be reached"):
        waiting.make().execute(waiting.context)
    assert fake_site.jobs == {}


@pytest.mark.usefixtures("at_once")
def test_in_the_worker_it_waits_likewise(fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_site.plan(Script(waiting=0.0, seconds=0.02))
    refuse(fake_site, DOWN, 2)
    waiting = task(monkeypatch, fake_site, wait_for_partners=timedelta(hours=1), deferrable=False, poll_interval=0.05)
    assert waiting.make().execute(waiting.context)["status"] == "success"
    assert waiting.ti.xcoms["partners"]["tries"] == 2


@pytest.mark.usefixtures("at_once")
def test_a_table_that_is_not_there_yet_is_waited_for(fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Failure("No found table", party=("host", "10000"))
    fake_site.plan(Script(waiting=0.0, seconds=0.02, fail={"reader_0": missing}))
    waiting = task(monkeypatch, fake_site, wait_for_partners=timedelta(hours=1), poll_interval=0.05)
    trigger = waiting.start()
    fake_site.plan(Script(waiting=0.0, seconds=0.02))
    import asyncio

    event = asyncio.run(trigger.wait())
    with pytest.raises(TaskDeferred) as deferred:
        waiting.resume(event)
    assert "host 10000 could not read its table" in waiting.ti.xcoms["partners"]["waits_for"]
    assert deferred.value.method_name == "try_again"
    assert waiting.run()["status"] == "success"
    assert len(fake_site.jobs) == 2


def test_what_no_wait_can_mend_fails_at_once(fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(fake_site, NO_ROUTE, 1)
    with pytest.raises(FateCreateJobError, match="is not known to the broker"):
        task(monkeypatch, fake_site, wait_for_partners=timedelta(hours=1)).run()

    fake_site.plan(Script(waiting=0.0, seconds=0.02, fail={"psi_0": Failure("boom", party=("host", "10000"))}))
    with pytest.raises(FateJobFailed):
        task(monkeypatch, fake_site, wait_for_partners=timedelta(hours=1), poll_interval=0.05).run()


def test_without_it_the_task_fails_at_once(fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(fake_site, DOWN, 1)
    with pytest.raises(FateCreateJobError, match="host 10000 cannot be reached"):
        task(monkeypatch, fake_site).run()


def test_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="wait_for_partners=0:00:00 is no time to wait"):
        FateJobOperator(task_id="t", job=JOB, wait_for_partners=timedelta(0))
