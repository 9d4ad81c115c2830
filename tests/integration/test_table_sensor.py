"""A sensor sees an upload arrive, and tells an old table from a new one: on a real FATE."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSensorTimeout

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.clients.fate_flow.models import UploadMeta
from airflow_provider_fate.sensors.table import FateTableSensor
from tests.support.fate import RunningFate
from tests.support.task import Task

pytestmark = [pytest.mark.fate, pytest.mark.timeout(600)]


def sensor(**kwargs: Any) -> Task:
    arguments: dict[str, Any] = {"task_id": "wait", "table": "sensor.bank", "poke_interval": 1, "timeout": 300} | kwargs
    return Task(lambda: FateTableSensor(**arguments))


@pytest.fixture
def flow(fate_full: RunningFate, monkeypatch: pytest.MonkeyPatch) -> FlowClient:
    monkeypatch.setenv("AIRFLOW_CONN_FATE_DEFAULT", fate_full.airflow_connection)
    return FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60))


def test_it_sees_an_upload_arrive_and_takes_none_that_is_older(flow: FlowClient, tmp_path: Path) -> None:
    file = tmp_path / "bank.csv"
    jobs: list[str] = []

    def upload(rows: int) -> None:
        file.write_text("id,x\n" + "".join(f"p{row},{row}\n" for row in range(rows)))
        meta = UploadMeta(match_id_name="id")
        jobs.append(flow.data.upload_file(file, namespace="sensor", name="bank", meta=meta).job_id)

    with flow:
        began = time.time()
        upload(40)

        first = sensor(newer_than=datetime.fromtimestamp(began, UTC)).run(patience=300)

        assert first == {
            "namespace": "sensor",
            "name": "bank",
            "count": 40,
            "columns": ["extend_sid", "id", "x"],
            "job_id": jobs[0],
            "made": first["made"],
        }
        assert began <= first["made"] <= time.time()

        between = datetime.now(tz=UTC)
        with pytest.raises(AirflowSensorTimeout, match=f"by job {jobs[0]}, not after"):
            sensor(newer_than=between, timeout=3).run()

        later = threading.Timer(2, upload, (60,))
        later.start()
        second = sensor(newer_than=between.isoformat(), min_rows=50).run(patience=300)
        later.join()

        assert (second["count"], second["job_id"]) == (60, jobs[1])
        assert second["made"] > between.timestamp()
