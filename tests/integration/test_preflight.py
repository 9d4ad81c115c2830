"""Preflight passes on a real FATE, and names what a job would fail for there. No job is run."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.errors import FatePreflightError
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.preflight import FatePreflightOperator
from airflow_provider_fate.sensors.health import FateClusterHealthSensor
from tests.support.fate import RunningFate
from tests.support.task import Task

pytestmark = [pytest.mark.fate, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def connection(fate_server_only: RunningFate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FATE_DEFAULT", fate_server_only.airflow_connection)


def jobs_of(fate: RunningFate) -> int:
    with FlowClient(FlowSettings(host=fate.host, port=fate.port, timeout=60)) as flow:
        return flow.job.list(limit=1).count


def test_it_passes_and_tells_what_the_server_is(fate_server_only: RunningFate) -> None:
    look = Task(lambda: FatePreflightOperator(task_id="preflight", fail_on="warn"))
    before = jobs_of(fate_server_only)
    found = look.run()
    checks: dict[str, dict[str, Any]] = {check["name"]: check for check in found["checks"]}
    assert found["ok"]
    assert found["seconds"] < 5
    assert checks["version"]["found"].startswith("FATE-Flow 2.2")
    for name in ("reachable", "version", "party", "clock", "signature", "queue", "cores", "settings"):
        assert checks[name]["result"] == "pass", checks[name]
    assert "less than 2 s apart" in checks["clock"]["found"]
    assert "engines: computing standalone" in checks["settings"]["found"]
    assert jobs_of(fate_server_only) == before


def test_it_names_what_a_job_would_fail_for() -> None:
    job = Psi(guest=Party("9999", "nobody.has_it"), hosts=[Party("10000", "nor.this")], job_cores=100_000)
    look = Task(lambda: FatePreflightOperator(task_id="preflight", job=job))
    with pytest.raises(FatePreflightError):
        look.run()
    found = look.ti.xcoms["checks"]
    failed = [check["name"] for check in found["checks"] if check["result"] == "fail"]
    assert failed == ["table nobody.has_it", "table nor.this", "cores"]
    assert found["seconds"] < 5


def test_the_server_is_fit_for_work() -> None:
    healthy = Task(lambda: FateClusterHealthSensor(task_id="healthy", version="2.2", max_waiting=0, poke_interval=0.5))
    found = healthy.run(patience=60)
    assert (found["waiting"], found["looks"]) == (0, 3)
