"""A host sees, from its own site alone, who has started what with its table, and how it ended."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from airflow_provider_fate.sensors.incoming import FateIncomingJobSensor
from airflow_provider_fate.sensors.job import FateJobSensor
from airflow_provider_fate.site.audit import ended_jobs
from tests.both_sides.cases import psi
from tests.support.pair import Pair
from tests.support.task import FakeTaskInstance, Task

pytestmark = [pytest.mark.fate, pytest.mark.pair, pytest.mark.timeout(300)]


def test_the_host_hears_of_the_job_and_waits_for_its_end(fate_pair: Pair) -> None:
    begin = datetime.now(tz=UTC)
    job_id = fate_pair.guest.flow.job.submit(psi()).job_id

    def host(sensor: type, **arguments: object) -> Task:
        return Task(
            lambda: sensor(task_id="t", fate_conn_id=fate_pair.host.conn_id, **arguments),
            FakeTaskInstance(run_id=uuid.uuid4().hex),
        )

    told = host(
        FateIncomingJobSensor, initiators="9999", tables="pair.*", since=begin.isoformat(), poke_interval=0.5
    ).run(60)

    assert told["job_id"] == job_id
    assert (told["role"], told["party_id"], told["initiator"]) == ("host", "10000", "9999")
    assert (told["tables"], told["components"]) == (["pair.host"], ["psi", "reader"])
    assert host(FateJobSensor, job_id=told["job_id"]).run(200)["status"] == "success"
    (written,) = [
        one for one in ended_jobs(fate_pair.host.flow, begin, datetime.now(tz=UTC)) if one.job.job_id == job_id
    ]
    assert (written.job.initiator, written.job.tables, written.job.status) == ("9999", ("pair.host",), "success")
    assert written.rows
    assert written.core_seconds > 0
