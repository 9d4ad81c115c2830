"""A site is fit for work when several looks in a row say so, and what is lacking is told."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout, AirflowSkipException

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.errors import FateWrongPartyError
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.remote.kinds.fate_health import FateHealth, HealthySite
from airflow_provider_fate.remote.states import WorkState
from airflow_provider_fate.sensors.health import FateClusterHealthSensor
from tests.support.fake_flow import FakeFlow, Script
from tests.support.task import CONN_ID, Task, connect


@pytest.fixture
def site(fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> FakeFlow:
    connect(monkeypatch, fake_site, timeout=1)
    return fake_site


def sensor(**arguments: Any) -> Task:
    given: dict[str, Any] = {"poke_interval": 0.05, "timeout": 20, "fate_conn_id": CONN_ID} | arguments
    return Task(lambda: FateClusterHealthSensor(task_id="healthy", **given))


def submit(fake: FakeFlow, script: Script) -> str:
    fake.plan(script)
    with FlowClient(fake.settings) as flow:
        job = Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")], job_cores=4)
        return flow.job.submit(job.dag()).job_id


def look(kind: FateHealth, *refs: HealthySite) -> list[tuple[WorkState, str]]:
    """One look of a kind that several tasks share."""

    async def ask() -> list[tuple[WorkState, str]]:
        seen = await kind.look(refs)
        await kind.close()
        return [(seen[ref.id].state, seen[ref.id].detail) for ref in refs]

    return asyncio.run(ask())


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_site_at_rest_is_fit_after_so_many_looks(site: FakeFlow, deferrable: bool) -> None:
    found = sensor(version="2.2", max_waiting=0, max_wait=60, max_cores=0, deferrable=deferrable).run()
    assert found == {
        "version": "2.2.0", "running": 0, "waiting": 0, "cores": 0, "oldest": None, "oldest_wait": None, "looks": 3,
    }  # fmt: skip
    assert site.requests.count("/server/fateflow") >= 3


def test_the_jobs_of_the_site_are_told(site: FakeFlow) -> None:
    submit(site, Script(waiting=0.0, stall="psi"))
    waiting = submit(site, Script(waiting=1e9))
    site.clock.advance(125)
    found = sensor(looks=1).run()
    assert {name: found[name] for name in ("running", "waiting", "cores", "oldest")} == {
        "running": 1, "waiting": 1, "cores": 4, "oldest": waiting,
    }  # fmt: skip
    assert 124 <= found["oldest_wait"] <= 130


def test_a_look_that_finds_it_otherwise_begins_the_count_anew(site: FakeFlow) -> None:
    kind, ref = FateHealth(CONN_ID), HealthySite(looks=2)
    other = HealthySite(version="2.3", looks=2)
    assert look(kind, ref, other) == [
        (WorkState.QUEUED, "as it should be, in 1 of 2 looks"),
        (WorkState.QUEUED, "it is FATE-Flow 2.2.0"),
    ]
    with site.refusing():
        ((state, detail),) = look(kind, ref)
        assert (state, "is not reached" in detail) == (WorkState.QUEUED, True)
    assert look(kind, ref)[0][1] == "as it should be, in 1 of 2 looks"
    assert look(kind, other)[0][0] is WorkState.QUEUED
    assert look(kind, ref)[0][1] == "as it should be, in 1 of 2 looks", "nobody has looked for it in between"
    assert look(kind, ref)[0][0] is WorkState.SUCCEEDED


def test_a_site_that_is_down_is_waited_for(site: FakeFlow) -> None:
    site.down()
    again = threading.Timer(0.5, site.up)
    again.start()
    began = time.monotonic()
    assert sensor().run()["looks"] == 3
    again.join()
    assert time.monotonic() - began > 0.5


@pytest.mark.parametrize(
    ("arguments", "lacking"),
    [
        ({"version": "2.3"}, "it is FATE-Flow 2.2.0"),
        ({"version": "2"}, ""),
        ({"version": "2.20"}, "it is FATE-Flow 2.2.0"),
        ({"max_waiting": 0}, "1 jobs wait"),
        ({"max_wait": 60}, "has waited for 0:02:"),
        ({"max_cores": 3}, "4 cores are in use"),
        ({"max_cores": 4, "max_waiting": 1, "max_wait": 600}, ""),
    ],
)
def test_what_is_lacking_is_told_at_the_timeout(site: FakeFlow, arguments: dict[str, Any], lacking: str) -> None:
    submit(site, Script(waiting=0.0, stall="psi"))
    submit(site, Script(waiting=1e9))
    site.clock.advance(125)
    asked = sensor(timeout=0.3, looks=1, deferrable=False, **arguments)
    if not lacking:
        assert asked.run()["looks"] == 1
        return
    with pytest.raises(AirflowSensorTimeout, match=lacking):
        asked.run()


def test_something_else_at_the_address_is_waited_for_and_named(site: FakeFlow) -> None:
    site.faults.html(status=200, body="<html>Starting</html>", times=None)
    with pytest.raises(AirflowSensorTimeout, match="is not FATE-Flow"):
        sensor(timeout=0.3, deferrable=False).run()


def test_the_timeout_skips_the_task_where_that_is_wished(site: FakeFlow) -> None:
    with pytest.raises(AirflowSkipException, match=r"FATE-Flow 2\.2\.0"):
        sensor(version="3", timeout=0.3, soft_fail=True, deferrable=False).run()


def test_another_partys_site_is_no_healthy_one(site: FakeFlow) -> None:
    site.party_id = "9998"
    with pytest.raises((FateWrongPartyError, AirflowFailException), match="'9998'"):
        sensor(looks=1).run()


def test_a_site_that_refuses_this_connection_is_not_waited_for(site: FakeFlow) -> None:
    site.gate.on = True
    with pytest.raises(Exception, match="appId"):
        sensor(deferrable=False).run(patience=10)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"looks": 0}, "looks=0"),
        ({"max_waiting": -1}, "max_waiting=-1"),
        ({"max_cores": "4"}, "max_cores='4'"),
        ({"mode": "reschedule"}, "looks=3"),
        ({"max_wait": 0}, "max_wait=0"),
    ],
)
def test_what_cannot_be_is_refused_when_the_dag_is_parsed(arguments: dict[str, Any], names: str) -> None:
    with pytest.raises(ValueError, match=names):
        sensor(**arguments).make()


def test_reschedule_looks_once_each_time(site: FakeFlow) -> None:
    assert sensor(mode="reschedule", looks=1).start()["version"] == "2.2.0"
    with pytest.raises(Exception) as caught:
        sensor(mode="reschedule", looks=1, version="3").start()
    assert type(caught.value).__name__ == "AirflowRescheduleException"
