"""A host hears of the jobs that partners start, each once, and of those only that it wants to hear of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSensorTimeout

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.jobs import HeteroSecureBoost, Party, Psi
from airflow_provider_fate.remote.kinds import fate_incoming
from airflow_provider_fate.remote.kinds.fate_incoming import FateIncoming, WantedJob
from airflow_provider_fate.sensors.incoming import FateIncomingJobSensor
from airflow_provider_fate.site.incoming import IncomingJob, JobFilter
from airflow_provider_fate.triggers.incoming import FateIncomingJobTrigger
from tests.support.fake_flow import FakeFlow
from tests.support.task import CONN_ID, Task, connect


@pytest.fixture
def host(fake_flow: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> FakeFlow:
    """A site that plays both parties, so that it has a host's records."""
    connect(monkeypatch, fake_flow, party_id="10000", role="host")
    return fake_flow


@pytest.fixture
def flow(host: FakeFlow) -> Iterator[FlowClient]:
    with FlowClient(host.settings) as client:
        yield client


def psi(flow: FlowClient, table: str = "credit.telco_20261127") -> str:
    return flow.job.submit(Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", table)]).dag()).job_id


def sensor(**arguments: Any) -> Task:
    given = {"poke_interval": 0.05, "timeout": 5, "since": datetime(2026, 1, 1, tzinfo=UTC)} | arguments
    return Task(lambda: FateIncomingJobSensor(task_id="t", fate_conn_id=CONN_ID, **given))


def test_what_a_job_asks_of_this_site_is_read_from_its_record(flow: FlowClient) -> None:
    recipe = HeteroSecureBoost(guest=Party("9999", "a.b"), hosts=[Party("10000", "credit.telco")])
    job_id = flow.job.submit(recipe.dag()).job_id
    (record,) = flow.job.list(roles=("host",)).jobs
    job = IncomingJob.of(record)
    assert (job.job_id, job.role, job.party_id, job.initiator) == (job_id, "host", "10000", "9999")
    assert job.tables == ("credit.telco",), "not the partner's"
    assert "evaluation" not in job.components, "it runs at the guest alone"
    assert {"reader", "psi", "hetero_secureboost"} <= set(job.components)


def test_the_sensor_gives_back_the_first_one_that_has_come_in(host: FakeFlow, flow: FlowClient) -> None:
    first = psi(flow)
    host.clock.advance(1)
    psi(flow)
    told = sensor().run()
    assert (told["job_id"], told["tables"], told["initiator"]) == (first, ["credit.telco_20261127"], "9999")


@pytest.mark.parametrize(
    ("wishes", "wanted"),
    [
        ({"initiators": "9999"}, True),
        ({"initiators": ["9998"]}, False),
        ({"components": "psi"}, True),
        ({"components": ["homo_lr", "hetero_secureboost"]}, False),
        ({"tables": "credit.telco_*"}, True),
        ({"tables": ["credit.telco", "a.b"]}, False),
        ({"since": "2999-01-01"}, False),
    ],
)
def test_it_hears_only_of_what_it_wants(flow: FlowClient, wishes: dict[str, Any], wanted: bool) -> None:
    psi(flow)
    if wanted:
        assert sensor(**wishes).run()["tables"] == ["credit.telco_20261127"]
    else:
        with pytest.raises(AirflowSensorTimeout, match="none has come in yet"):
            sensor(**wishes, timeout=0.4, deferrable=False).run()


def test_without_since_only_what_comes_in_later_counts(host: FakeFlow, flow: FlowClient) -> None:
    psi(flow)
    waiting = sensor(since=None)
    waiting.ti.start_date = datetime.now(tz=UTC) + timedelta(seconds=30)
    trigger = waiting.start()
    host.clock.advance(60)
    later = psi(flow)
    assert waiting.resume(asyncio.run(asyncio.wait_for(trigger.wait(), 5)))["job_id"] == later


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"initiators": "9999; rm"}, "initiators"),
        ({"components": ["psy"]}, "'psy'"),
        ({"since": "yesterday"}, "since='yesterday' is not a moment"),
    ],
)
@pytest.mark.usefixtures("host")
def test_wrong_arguments_are_not_retried(arguments: dict[str, Any], names: str) -> None:
    with pytest.raises(AirflowFailException, match=names):
        sensor(**arguments).run()


async def test_a_look_reads_only_what_is_new(host: FakeFlow, flow: FlowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fate_incoming, "PAGE", 4)
    ids = []
    for _ in range(10):
        ids.append(psi(flow))
        host.clock.advance(1)
    everything, nothing = WantedJob(0.0), WantedJob(4e9)
    async with FateIncoming(CONN_ID) as kind:
        asked = host.requests.count("/job/list/query")
        assert (await kind.look([everything, nothing]))[everything.id].found == kind.known(everything)
        assert host.requests.count("/job/list/query") - asked == 3, "ten jobs in pages of four"
        ids.append(psi(flow))
        asked = host.requests.count("/job/list/query")
        await kind.look([everything])
        assert host.requests.count("/job/list/query") - asked == 1, "one page, since its last job is known"
        found, wanted = [], everything
        while job := kind.known(wanted):
            found.append(job["job_id"])
            wanted = WantedJob(job["created"], job["job_id"])
        assert found == ids, "each once, in the order in which they came in"


async def test_the_trigger_tells_of_each_job_once(host: FakeFlow, flow: FlowClient) -> None:
    trigger = FateIncomingJobTrigger(fate_conn_id=CONN_ID, tables=["credit.*"], poll_interval=0.05, lookback=60)
    path, arguments = trigger.serialize()
    assert path == "airflow_provider_fate.triggers.incoming.FateIncomingJobTrigger"
    again = FateIncomingJobTrigger(**arguments)
    told: list[str] = []

    async def listen() -> None:
        async for event in again.run():
            told.append(event.payload["job_id"])

    listening = asyncio.create_task(listen())
    first = [psi(flow), psi(flow)]
    psi(flow, "other.table")
    await _until(lambda: len(told) == 2)
    second = psi(flow)
    await _until(lambda: len(told) == 3)
    await asyncio.sleep(0.3)
    assert told == [*first, second]
    listening.cancel()


async def test_the_trigger_outlives_an_outage(host: FakeFlow, flow: FlowClient) -> None:
    host.faults.answer(104, "timeout", "/job/list/query", times=2)
    events = FateIncomingJobTrigger(fate_conn_id=CONN_ID, poll_interval=0.05, lookback=60).run()
    psi(flow)
    event = await asyncio.wait_for(anext(events), 5)
    assert event.payload["initiator"] == "9999"
    await events.aclose()


async def _until(is_so: Any) -> None:
    async with asyncio.timeout(10):
        while not is_so():
            await asyncio.sleep(0.02)


def test_a_filter_says_what_it_wants() -> None:
    assert str(JobFilter()) == "a job of any partner"
    assert str(JobFilter(("9999",), ("psi",), ("credit.*",))) == "a job of 9999 with psi that reads credit.*"
