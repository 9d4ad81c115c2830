"""A probe asks for a partner's table with the smallest job that there is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, TaskDeferred

from airflow_provider_fate.sensors.partner import FatePartnerSensor
from tests.support.fake_flow import Failure, FakeFlow, Script
from tests.support.task import Task, connect


def sensor(monkeypatch: pytest.MonkeyPatch, site: FakeFlow, extra: Any = None, **arguments: Any) -> Task:
    connect(monkeypatch, site, **(extra or {}))
    given = {"partner": "10000", "table": "credit.telco", "poll_interval": 0.05} | arguments
    return Task(lambda: FatePartnerSensor(task_id="ready", fate_conn_id="fate_site", **given))


def test_it_reads_the_table_at_the_partner_alone_with_one_core(
    fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_site.plan(Script(waiting=0.0, seconds=0.02))
    told = sensor(monkeypatch, fake_site).run()
    (job,) = fake_site.jobs.values()
    assert told == {"partner": "10000", "table": "credit.telco", "job_id": job.job_id}
    dag = job.schema["dag"]
    assert list(dag["tasks"]) == ["reader_0"]
    assert dag["tasks"]["reader_0"]["parties"] == [{"role": "host", "party_id": ["10000"]}]
    assert (dag["conf"]["cores"], dag["conf"]["priority"] > 0) == (1, True)


def test_while_the_table_is_not_there_it_waits(fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Failure("No found table", party=("host", "10000"))
    fake_site.plan(Script(waiting=0.0, seconds=0.02, fail={"reader_0": missing}))
    waiting = sensor(monkeypatch, fake_site)
    with pytest.raises(TaskDeferred) as deferred:
        waiting.run()
    assert deferred.value.method_name == "try_again"
    fake_site.plan(Script(waiting=0.0, seconds=0.02))
    assert waiting.run()["table"] == "credit.telco"


@pytest.mark.parametrize(
    ("arguments", "extra", "names"),
    [
        ({"partner": "9999"}, {}, "partner='9999' is this site itself"),
        ({"partner": "10 000"}, {}, "partner"),
        ({"table": "telco"}, {}, "'namespace.name'"),
        ({}, {"party_id": None}, "has no party id"),
    ],
)
def test_wrong_arguments_are_told_before_anything_is_submitted(
    fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch, arguments: Any, extra: Any, names: str
) -> None:
    with pytest.raises(AirflowFailException, match=names):
        sensor(monkeypatch, fake_site, extra, **arguments).run()
    assert fake_site.jobs == {}


def test_it_waits_for_six_hours_unless_told_otherwise() -> None:
    asked = FatePartnerSensor(task_id="ready", partner="10000", table="a.b")
    assert asked.wait_for_partners == timedelta(hours=6)
