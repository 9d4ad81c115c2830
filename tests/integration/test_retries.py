"""A retry goes on where the job has failed: on a real FATE, with the operator as Airflow runs it."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.clients.fate_flow.models import UploadMeta
from airflow_provider_fate.errors import FateJobFailed
from airflow_provider_fate.jobs import Encryption, HeteroSecureBoost, Party
from airflow_provider_fate.operators.job import FateJobOperator
from tests.integration.test_recipes import wait, write_tables
from tests.support.fate import RunningFate
from tests.support.task import FakeTaskInstance, Task

pytestmark = [pytest.mark.fate, pytest.mark.timeout(900)]

RECIPE = HeteroSecureBoost(
    guest=Party("9999", "retries.guest"),
    hosts=[Party("10000", "retries.host")],
    num_trees=1,
    max_depth=2,
    max_bin=4,
    encryption=Encryption(kind="paillier", key_length=1024),
)


@pytest.fixture(scope="module")
def flow(fate_full: RunningFate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowClient]:
    """The site, with the two tables that the job reads."""
    files = write_tables(tmp_path_factory.mktemp("tables"))
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as client:
        uploads = [
            client.data.upload_file(
                path,
                namespace="retries",
                name=name,
                meta=UploadMeta(match_id_name="id", label_name=label, label_type=kind),
            ).job_id
            for name, (path, label, kind) in files.items()
            if name in ("guest", "host")
        ]
        end = time.monotonic() + 300
        assert {wait(client, job_id, end) for job_id in uploads} == {"success"}
        yield client


def task(fate: RunningFate, monkeypatch: pytest.MonkeyPatch, dag: dict[str, Any], **kwargs: Any) -> Task:
    monkeypatch.setenv("AIRFLOW_CONN_FATE_DEFAULT", fate.airflow_connection)
    ti = FakeTaskInstance(run_id=uuid.uuid4().hex)
    return Task(lambda: FateJobOperator(task_id="train", job=dag, **kwargs), ti)


def versions(flow: FlowClient, job_id: str) -> dict[str, int]:
    """How often each task was begun anew."""
    return {record.task_name: record.task_version for record in flow.task.query(job_id=job_id, role="guest")}


def kill_task(flow: FlowClient, task: Task, name: str) -> None:
    """Kill the process of a task as soon as it runs, as the system does where memory runs out."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        job_id = task.ti.xcoms.get("fate_job", {}).get("job_id")
        if job_id:
            for record in flow.task.query(job_id=job_id, role="guest", task_name=name):
                if str(record.party_status) == "running" and record.run_pid:
                    time.sleep(1)
                    os.kill(int(record.run_pid), signal.SIGKILL)
                    return
        time.sleep(0.2)


def test_a_rerun_keeps_what_the_killed_job_had_finished(
    fate_full: RunningFate, flow: FlowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = task(fate_full, monkeypatch, RECIPE.dag(), on_retry="rerun")
    killer = threading.Thread(target=kill_task, args=(flow, train, "sbt_0"))
    killer.start()
    with pytest.raises(FateJobFailed, match="sbt_0"):
        train.run(patience=600)
    killer.join()
    failed = train.ti.xcoms["fate_job"]["job_id"]
    train.retry()

    result = train.run(patience=600)

    assert result["job_id"] == failed
    assert result["metrics"]["auc"] > 0.5
    begun = versions(flow, failed)
    assert begun["psi_0"] == 0
    assert begun["sbt_0"] == 1


def test_a_job_whose_failing_parameter_was_corrected_inherits_what_stays_the_same(
    fate_full: RunningFate, flow: FlowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    dag = RECIPE.dag()
    dag["dag"]["tasks"]["sbt_0"]["parameters"]["objective"] = "binary:nonsense"
    train = task(fate_full, monkeypatch, dag, on_retry="rerun")
    with pytest.raises(FateJobFailed, match="sbt_0"):
        train.run(patience=600)
    failed = train.ti.xcoms["fate_job"]["job_id"]
    dag["dag"]["tasks"]["sbt_0"]["parameters"]["objective"] = "binary:bce"
    train.retry()

    result = train.run(patience=600)

    assert result["job_id"] != failed
    assert result["metrics"]["auc"] > 0.5
    (record,) = flow.job.query(job_id=result["job_id"], role="guest")
    assert record.dag["dag"]["conf"]["inheritance"] == {"job_id": failed, "task_list": ["reader_0", "psi_0"]}
    (before,), (after,) = (
        flow.task.query(job_id=job_id, role="guest", task_name="psi_0") for job_id in (failed, result["job_id"])
    )
    assert after.start_time == before.start_time, "it was not run again"
