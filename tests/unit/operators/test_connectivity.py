"""A toy job tells whether two sites can work together, and what is between them where they cannot."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.errors import FateJobFailed
from airflow_provider_fate.operators.connectivity import FateConnectivityOperator
from tests.support.fake_flow import Failure, FakeFlow, Script
from tests.support.task import CONN_ID, Task, connect


def link(partner: str = "10000", **arguments: Any) -> Task:
    given: dict[str, Any] = {"poll_interval": 0.05} | arguments
    return Task(lambda: FateConnectivityOperator(task_id="link", fate_conn_id=CONN_ID, partner=partner, **given))


def test_the_toy_needs_no_table_and_one_core(fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, fake_site)
    fake_site.plan(Script(waiting=0.0, seconds=0.02))
    task = link()
    told = task.run()
    (job,) = fake_site.jobs.values()
    assert told["seconds"] >= 0
    assert told == {"partner": "10000", "works": True, "reason": "", "job_id": job.job_id, "seconds": told["seconds"]}
    assert task.ti.xcoms["link"] == told
    dag = job.schema["dag"]
    assert {name: spec["component_ref"] for name, spec in dag["tasks"].items()} == {"toy_0": "toy_example"}
    assert dag["conf"]["cores"] == 1


def test_what_is_between_them_stands_in_the_table(fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, fake_site)
    fake_site.plan(Script(waiting=0.0, seconds=0.02, fail={"toy_0": Failure("lost", party=("host", "10000"))}))
    task = link()
    with pytest.raises(FateJobFailed):
        task.run()
    found = task.ti.xcoms["link"]
    assert (found["partner"], found["works"], found["seconds"]) == ("10000", False, None)
    assert "toy_0 failed on host 10000" in found["reason"]


def test_a_site_has_no_link_to_itself(fake_site: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, fake_site)
    with pytest.raises(AirflowFailException, match="partner='9999' is this site itself"):
        link("9999").run()
    assert fake_site.jobs == {}
