"""``job.states``: the same as the records say, without reading them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import AsyncFlowClient, FlowClient, FlowSettings
from airflow_provider_fate.clients.fate_flow.models import JobState
from airflow_provider_fate.clients.fate_flow.models.state import StatesReader
from airflow_provider_fate.errors import FateError, FateProxyError, FateServerError
from tests.support.fake_flow import FakeFlow, Script

RECORD = {
    "job_id": "202611240000000000001",
    "role": "guest",
    "party_id": "9999",
    "status": "running",
    "progress": 50,
    "update_time": 1_795_381_929_224,
    "parties": [{"role": "guest", "party_id": ["9999"]}],
    "dag": {"dag": {"job_id": "another", "status": "success", "tasks": {"a": {"parameters": {"x": [1, {}]}}}}},
}
STATE = JobState("202611240000000000001", "guest", "9999", "running", 50, 1_795_381_929_224)


@pytest.fixture
def states(serve: Callable[..., FlowSettings]) -> Callable[[str], list[JobState]]:
    """Ask a server that answers with this text."""

    def ask(body: str) -> list[JobState]:
        with FlowClient(serve(lambda method, path: (200, "application/json", body.encode()))) as client:
            return client.job.states()

    return ask


def page(**changes: Any) -> str:
    return json.dumps({"code": 0, "message": "success", "data": {"count": 1, "data": [{**RECORD, **changes}]}})


def test_states_are_read_and_nothing_below_them(states: Callable[[str], list[JobState]]) -> None:
    assert states(page()) == [STATE]


async def test_states_say_what_the_records_say(fake_flow: FakeFlow, flow: FlowClient, dag: dict[str, Any]) -> None:
    flow.job.submit(dag)
    flow.job.submit(dag)
    fake_flow.clock.freeze()  # three questions about one moment
    records = flow.job.list(limit=0).jobs
    states = flow.job.states()
    assert len(states) == 4
    assert [(s.job_id, s.role, s.party_id, s.status, s.progress, s.update_time) for s in states] == [
        (r.job_id, r.role, r.party_id, str(r.status), r.progress, r.update_time) for r in records
    ]
    async with AsyncFlowClient(fake_flow.settings) as client:
        assert await client.job.states() == states


def test_the_newest_are_those_that_changed_last(fake_flow: FakeFlow, flow: FlowClient, dag: dict[str, Any]) -> None:
    fake_flow.plan(Script(waiting=60.0))  # so that only the stop changes anything
    first, second = flow.job.submit(dag), flow.job.submit(dag)
    fake_flow.clock.advance(1)  # they would have been made and stopped within one millisecond
    flow.job.stop(first.job_id)
    assert {s.job_id for s in flow.job.states()} == {first.job_id, second.job_id}
    assert [s.job_id for s in flow.job.states(newest=1)] == [first.job_id]


def test_only_jobs_in_these_statuses_are_listed(flow: FlowClient, dag: dict[str, Any]) -> None:
    job = flow.job.submit(dag)
    flow.job.stop(job.job_id)
    assert flow.job.states(statuses=("ready", "waiting", "running")) == []


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"dag": {"parameters": float("nan")}}, id="NaN"),
        pytest.param({"party_id": 9999, "job_id": int(RECORD["job_id"])}, id="numbers for ids"),  # type: ignore[call-overload]
    ],
)
def test_what_is_unusual_is_read_thoroughly(states: Callable[[str], list[JobState]], changes: dict[str, Any]) -> None:
    assert states(page(**changes)) == [STATE]


def test_an_error_stays_an_error(states: Callable[[str], list[JobState]]) -> None:
    with pytest.raises(FateServerError, match="broken"):
        states('{"code": 6000, "message": "broken"}')
    with pytest.raises(FateProxyError):
        states("<html>")
    with pytest.raises(FateError, match="unexpected"):
        states('{"code": 0, "message": "", "data": {"count": 1, "data": [{"role": "guest"}]}}')


async def test_others_get_their_turn_between_the_pieces_of_a_long_page(
    serve: Callable[..., FlowSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [{**RECORD, "dag": {"parameters": float("nan"), "text": "x" * 7000}}] * 200
    body = json.dumps({"code": 0, "message": "success", "data": {"count": 200, "data": records}}).encode()
    turn, fed = 0, []
    feed = StatesReader.feed

    def watched(reader: StatesReader, piece: bytes) -> None:
        fed.append(turn)
        time.sleep(0.005)  # the next pieces come meanwhile
        feed(reader, piece)

    async def others() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(StatesReader, "feed", watched)
    async with AsyncFlowClient(serve(lambda method, path: (200, "application/json", body))) as client:
        busy = asyncio.create_task(others())
        assert await client.job.states() == [STATE] * 200
        busy.cancel()
    assert len(fed) > 10
    assert len(set(fed)) == len(fed)
