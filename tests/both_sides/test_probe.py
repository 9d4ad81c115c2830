"""Probes of a real partner: of a table that is there, of one that is not, and of the link itself."""

from __future__ import annotations

import uuid

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_fate.operators.connectivity import FateConnectivityOperator
from airflow_provider_fate.sensors.partner import FatePartnerSensor
from tests.support.pair import Pair
from tests.support.task import FakeTaskInstance, Task

pytestmark = [pytest.mark.fate, pytest.mark.pair, pytest.mark.timeout(300)]


def probe(pair: Pair, table: str) -> Task:
    return Task(
        lambda: FatePartnerSensor(task_id="ready", fate_conn_id=pair.guest.conn_id, partner="10000", table=table),
        FakeTaskInstance(run_id=uuid.uuid4().hex),
    )


def test_a_table_that_is_there_is_found_and_stays(fate_pair: Pair) -> None:
    found = probe(fate_pair, "pair.host").run(120)
    assert fate_pair.host.until(found["job_id"], "success") == "success"
    assert fate_pair.host.flow.table.query("pair", "host").count
    assert fate_pair.guest.tasks(found["job_id"]) == {}, "nothing runs on this side"


def test_a_table_that_is_not_there_is_waited_for(fate_pair: Pair) -> None:
    waiting = probe(fate_pair, "pair.nowhere")
    with pytest.raises(TaskDeferred):
        waiting.run(120)
    assert "host 10000 could not read its table" in waiting.ti.xcoms["partners"]["waits_for"]
    for site in fate_pair.sites:
        assert site.unfinished() == []


def test_a_toy_job_tells_that_both_sides_can_work_together(fate_pair: Pair) -> None:
    link = Task(
        lambda: FateConnectivityOperator(task_id="link", fate_conn_id=fate_pair.guest.conn_id, partner="10000"),
        FakeTaskInstance(run_id=uuid.uuid4().hex),
    )
    told = link.run(120)
    assert (told["partner"], told["works"]) == ("10000", True)
    assert fate_pair.host.until(told["job_id"], "success") == "success"
