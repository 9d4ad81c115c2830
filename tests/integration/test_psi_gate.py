"""One PSI job, judged twice: what two real tables have in common passes one threshold and fails another."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.clients.fate_flow.models import UploadMeta
from airflow_provider_fate.errors import FateOverlapError
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.psi import FatePsiOperator
from tests.integration.test_recipes import wait
from tests.support.fate import RunningFate
from tests.support.task import FakeTaskInstance, Task

pytestmark = [pytest.mark.fate, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def flow(fate_full: RunningFate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowClient]:
    """The site: 40 people of whom the host knows 10, and a table of the host whose ids are written in capitals."""
    folder = tmp_path_factory.mktemp("tables")
    ids = {
        "bank": [f"p{n}" for n in range(40)],
        "telco": [f"p{n}" for n in range(30, 80)],
        "capitals": [f"P{n}" for n in range(40)],
    }
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as client:
        uploads = []
        for name, people in ids.items():
            file: Path = folder / f"{name}.csv"
            file.write_text("id,x\n" + "".join(f"{person},{n}\n" for n, person in enumerate(people)))
            meta = UploadMeta(match_id_name="id")
            uploads.append(client.data.upload_file(file, namespace="gate", name=name, meta=meta).job_id)
        end = time.monotonic() + 300
        assert {wait(client, job_id, end) for job_id in uploads} == {"success"}
        yield client


def gate(ti: FakeTaskInstance, host_table: str = "gate.telco", **thresholds: Any) -> Task:
    job = Psi(guest=Party("9999", "gate.bank"), hosts=[Party("10000", host_table)])
    return Task(lambda: FatePsiOperator(task_id="overlap", job=job, on_clear="attach", **thresholds), ti)


def test_one_job_is_judged_by_two_thresholds(
    fate_full: RunningFate, flow: FlowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FATE_DEFAULT", fate_full.airflow_connection)
    ti = FakeTaskInstance(run_id=uuid.uuid4().hex)
    strict = gate(ti, min_share=0.5)
    with pytest.raises(
        AirflowFailException, match=r"Only 10 of 40 rows .* \(25\.0%\), less than min_share=0\.5"
    ) as caught:
        strict.run(patience=300)
    assert isinstance(caught.value.__cause__, FateOverlapError)
    strict.clear()

    found = gate(ti, min_overlap=10, min_share=0.25).run(patience=300)

    assert found["job_id"] == caught.value.__cause__.job_id
    assert (found["overlap"], found["own_rows"], found["share"]) == (10, 40, 0.25)
    assert found["host_rows"] == {"10000": 50}
    common = flow.table.query(found["namespace"], found["name"])
    assert common.count == 10
    assert "x" in common.columns


def test_ids_that_are_written_differently_have_nothing_in_common(
    fate_full: RunningFate, flow: FlowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FATE_DEFAULT", fate_full.airflow_connection)
    ti = FakeTaskInstance(run_id=uuid.uuid4().hex)

    with pytest.raises(AirflowFailException, match=r"Only 0 of 40 rows .* \(0\.0%\), less than min_overlap=1"):
        gate(ti, "gate.capitals", min_overlap=1).run(patience=300)
