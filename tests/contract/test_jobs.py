"""The life of jobs, on the fake and on real servers."""

from __future__ import annotations

import tarfile
import time
import uuid
from pathlib import Path

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient, models
from airflow_provider_fate.errors import FateModelNotFound, FateTableExists, FateTableNotFound
from tests.recordings.scenario import csv, psi_job

from .conftest import Server, end_of, wait_until

LABELLED = models.UploadMeta(match_id_name="id", label_name="y")
PLAIN = models.UploadMeta(match_id_name="id")
S = models.JobStatus


def test_a_submitted_job_is_there_with_its_mark_and_label(server: Server, flow: FlowClient) -> None:
    mark = uuid.uuid4().hex
    job = flow.job.submit(psi_job(extra={"mark": mark}), user_name=f"label-{mark}")

    records = flow.job.query(job_id=job.job_id)
    assert {(record.role, record.party_id) for record in records} == {("guest", "9999"), ("host", "10000")}
    assert {record.extra["mark"] for record in records} == {mark}
    assert {record.job_id for record in flow.job.query(user_name=f"label-{mark}")} == {job.job_id}
    page = flow.job.list(user_name=f"label-{mark}", limit=1)
    assert (page.count, len(page.jobs)) == (2, 1)
    assert page.jobs[0].partners is not None
    assert flow.job.query(job_id=job.job_id, role="guest", party_id="1") == []
    assert {task.task_name for task in flow.task.query(job_id=job.job_id)} == {"reader_0", "psi_0"}
    assert flow.job.dependencies(job.job_id, "guest", "9999").component_list == ["reader_0", "psi_0"]
    view = flow.job.data_view(job.job_id, "guest", "9999").data_view
    assert view["host"]["10000"] == [{"namespace": "experiment", "name": "recorded_host"}]
    flow.job.add_notes(job.job_id, "guest", "9999", mark)
    assert [record.role for record in flow.job.list(description=mark).jobs] == ["guest"]
    flow.job.stop(job.job_id)


def test_a_stopped_job_is_canceled_and_may_be_stopped_again(server: Server, flow: FlowClient) -> None:
    job = flow.job.submit(psi_job())

    flow.job.stop(job.job_id)

    wait_until(server, lambda: {record.status for record in flow.job.query(job_id=job.job_id)} == {S.CANCELED})
    flow.job.stop(job.job_id)
    assert flow.job.query(job_id=job.job_id)[0].status is S.CANCELED


def test_a_rerun_leaves_the_end_state_after_a_while(server: Server, flow: FlowClient) -> None:
    job = flow.job.submit(psi_job())
    flow.job.stop(job.job_id)
    wait_until(server, lambda: flow.job.query(job_id=job.job_id)[0].status is S.CANCELED)
    # A rerun that overtakes the scheduler's round takes the stop back, and no record shows it.
    time.sleep(server.settle)

    flow.job.rerun(job.job_id)

    wait_until(server, lambda: flow.job.query(job_id=job.job_id)[0].status is not S.CANCELED)
    flow.job.stop(job.job_id)
    # A server without components fails it within a moment, which may be before the stop.
    assert end_of(server, flow, job.job_id) in (S.CANCELED, S.FAILED)


def test_a_cleaned_job_is_gone(server: Server, flow: FlowClient) -> None:
    job = flow.job.submit(psi_job())
    flow.job.stop(job.job_id)
    end_of(server, flow, job.job_id)

    flow.job.clean(job.job_id)

    assert flow.job.query(job_id=job.job_id) == []


def test_a_job_whose_input_nobody_produces_fails_and_only_the_scheduler_says_why(
    complete_server: Server, complete: FlowClient
) -> None:
    dag = psi_job()
    artifact = dag["dag"]["tasks"]["psi_0"]["inputs"]["data"]["input_data"]["task_output_artifact"]
    artifact["producer_task"] = "nobody_0"

    job = complete.job.submit(dag)

    assert end_of(complete_server, complete, job.job_id) is S.FAILED
    assert {task.status for task in complete.task.query(job_id=job.job_id)} == {models.TaskStatus.WAITING}
    log = complete.log.query("schedule_error", job.job_id, "guest", "9999")
    assert any("nobody_0 0 no found" in line.content for line in log)


def test_a_job_whose_undeclared_input_nobody_produces_stays_running_until_it_is_stopped(
    complete_server: Server, complete: FlowClient
) -> None:
    dag = psi_job()
    artifact = {"producer_task": "nobody_0", "output_artifact_key": "output_data"}
    dag["dag"]["tasks"]["reader_0"]["inputs"] = {"data": {"undeclared": {"task_output_artifact": artifact}}}
    job = complete.job.submit(dag)

    wait_until(complete_server, lambda: complete.job.query(job_id=job.job_id)[0].status is S.RUNNING)
    time.sleep(complete_server.settle)

    assert complete.job.query(job_id=job.job_id)[0].status is S.RUNNING
    assert {task.status for task in complete.task.query(job_id=job.job_id)} == {models.TaskStatus.WAITING}
    complete.job.stop(job.job_id)
    assert end_of(complete_server, complete, job.job_id) is S.CANCELED


def test_a_job_that_misses_its_table_fails_and_says_so(complete_server: Server, complete: FlowClient) -> None:
    job = complete.job.submit(psi_job(guest="no_such_table"))

    assert end_of(complete_server, complete, job.job_id) is S.FAILED
    failed = complete.task.query(job_id=job.job_id, role="guest", status="failed")
    assert [task.task_name for task in failed] == ["reader_0"]
    assert "No found table" in (failed[0].error_report or "")
    log = complete.log.query("task_error", job.job_id, "guest", "9999", "reader_0")
    assert any("No found table" in line.content for line in log)


def test_data_goes_up_through_a_job_and_comes_down(
    complete_server: Server, complete: FlowClient, tmp_path: Path
) -> None:
    suffix = uuid.uuid4().hex[:8]
    guest, host = f"guest_{suffix}", f"host_{suffix}"
    for name, label, columns in ((guest, True, 3), (host, False, 4)):
        file = tmp_path / f"{name}.csv"
        file.write_bytes(csv(columns, label=label))
        upload = complete.data.upload_file(file, namespace="experiment", name=name, meta=LABELLED if label else PLAIN)
        assert end_of(complete_server, complete, upload.job_id) is S.SUCCESS

    table = complete.table.query("experiment", guest, display=True)
    assert (table.count, table.columns) == (40, ["extend_sid", "id", "y", "x0", "x1", "x2"])
    assert table.display is not None
    assert len(table.display) == 40
    with pytest.raises(FateTableExists):
        complete.data.transform(
            models.TableRef(namespace="experiment", name=guest), namespace="experiment", name=guest, drop=False
        )
    job = complete.job.submit(psi_job(guest, host))
    assert end_of(complete_server, complete, job.job_id) is S.SUCCESS
    party = (job.job_id, "guest", "9999")
    assert {task.status for task in complete.task.query(job_id=job.job_id)} == {models.TaskStatus.SUCCESS}
    metrics = {metric.name: metric.data for metric in complete.output.metrics(*party, "psi_0")}
    assert metrics["intersect_id_count"]["intersect_count"] > 0
    assert [key.name for key in complete.output.metric_keys(*party, "psi_0")] == list(metrics)
    assert "output_data" in complete.output.data_tables(*party, "psi_0")
    assert complete.output.data_display(*party, "psi_0")["output_data"][0].total is not None
    with pytest.raises(FateModelNotFound):
        complete.output.model(*party, "psi_0")
    with pytest.raises(FateModelNotFound):
        complete.output.download_model(*party, "psi_0", tmp_path / "model")
    assert complete.log.count("task_info", *party, "psi_0") > 0
    assert all(line.content for line in complete.log.query("task_info", *party, "psi_0", begin=1, end=1))

    for target, size in (
        (tmp_path / "table.tar.gz", complete.data.download("experiment", guest, tmp_path / "table.tar.gz")),
        (tmp_path / "data.tar.gz", complete.output.download_data(*party, "psi_0", tmp_path / "data.tar.gz")),
        (tmp_path / "logs.tar.gz", complete.job.download_logs(job.job_id, tmp_path / "logs.tar.gz")),
    ):
        assert target.stat().st_size == size
        assert tarfile.is_tarfile(target)
    complete.table.delete("experiment", guest)
    with pytest.raises(FateTableNotFound):
        complete.table.query("experiment", guest)


def test_an_upload_in_pieces_of_unknown_length_is_taken(complete_server: Server, complete: FlowClient) -> None:
    name = f"pieces_{uuid.uuid4().hex[:8]}"
    content = csv(2, label=True)
    pieces = (content[start : start + 100] for start in range(0, len(content), 100))

    upload = complete.data.upload_file(pieces, namespace="experiment", name=name, meta=LABELLED)

    assert end_of(complete_server, complete, upload.job_id) is S.SUCCESS
    assert complete.table.query("experiment", name).count == 40
