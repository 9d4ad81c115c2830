"""The endpoints that the contract does not reach: those that need authentication, and those on the server's disk."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from airflow_provider_fate.clients.fate_flow import AppId, FlowClient, models
from airflow_provider_fate.errors import (
    FateInvalidParameterError,
    FateJobNotFound,
    FateModelNotFound,
    FatePermissionError,
    FateTaskNotFound,
)
from tests.support.fake_flow import Failure, FakeFlow, Script

META = models.UploadMeta(match_id_name="id")


@pytest.fixture
def admin(fake_flow_auth: FakeFlow) -> Iterator[FlowClient]:
    """A client that may do what administrators may."""
    settings = replace(fake_flow_auth.settings, app=AppId("admin", "fate_flow_admin"))
    with FlowClient(settings) as client:
        yield client


def test_an_app_of_a_client_is_made_granted_and_deleted(fake_flow_auth: FakeFlow, admin: FlowClient) -> None:
    app = admin.app.create_client("airflow")
    assert app.app_token is not None
    credentials = AppId(app.app_id, app.app_token.get_secret_value())
    with FlowClient(replace(fake_flow_auth.settings, app=credentials)) as client:
        with pytest.raises(FatePermissionError):
            client.job.query(job_id="1")
        assert admin.permission.grant(app.app_id, "client")
        assert client.job.query(job_id="1") == []
        with pytest.raises(FatePermissionError, match="Authentication Failed"):
            client.app.create_client("x")

    assert "client" in admin.permission.roles()
    assert list(admin.permission.query(app.app_id)) == ["client"]
    assert [found.app_name for found in admin.app.query_clients(app_id=app.app_id)] == ["airflow"]
    assert admin.permission.revoke(app.app_id, "client")
    assert not admin.permission.revoke(app.app_id, "client")
    assert admin.app.delete_client(app.app_id)
    assert not admin.app.delete_client(app.app_id)


def test_apps_of_sites_and_partners_come_and_go(admin: FlowClient) -> None:
    site = admin.app.create_site("10000")
    assert [found.app_id for found in admin.app.query_sites("10000")] == [site.app_id]
    assert admin.app.delete_site("10000")

    admin.app.create_partner("10000", app_id="1", app_token=SecretStr("t"))
    assert [found.party_id for found in admin.app.query_partners("10000")] == ["10000"]
    assert admin.app.delete_partner("10000")
    assert admin.app.query_partners() == []


def test_partners_get_and_lose_what_they_may_use(flow: FlowClient) -> None:
    table = models.TableRef(namespace="bank", name="credit")

    flow.permission.grant_resources("10000", components=["reader", "psi"], datasets=[table])
    flow.permission.revoke_resources("10000", components=["psi"])

    grants = flow.permission.query_resources("10000")
    assert grants.component == ["reader"]
    assert grants.dataset == [{"namespace": "bank", "name": "credit"}]


def test_revoking_everything_at_once_is_refused_since_it_would_do_nothing(
    fake_flow: FakeFlow, flow: FlowClient
) -> None:
    with pytest.raises(FateInvalidParameterError, match="each component"):
        flow.permission.revoke_resources("10000", components=["*"])
    with pytest.raises(FateInvalidParameterError, match="nothing is named"):
        flow.permission.grant_resources("10000")
    assert fake_flow.requests.count() == 0


def test_resources_cannot_be_granted_while_clients_are_authenticated(admin: FlowClient) -> None:
    with pytest.raises(FatePermissionError):
        admin.permission.grant_resources("10000", components=["psi"])


def test_a_file_of_the_server_becomes_a_table(fake_flow: FakeFlow, flow: FlowClient, tmp_path: Path) -> None:
    file = tmp_path / "on_the_server.csv"
    file.write_text("id,x\n1,2\n")

    flow.data.upload_server_file(str(file), namespace="a", name="raw", meta=META)
    fake_flow.clock.advance(5)
    flow.data.transform(models.TableRef(namespace="a", name="raw"), namespace="a", name="frame")
    fake_flow.clock.advance(5)

    assert flow.table.query("a", "frame").count == 1
    started = flow.data.download_on_server("a", "frame", "/srv/out.csv")
    assert started.path == "/srv/out.csv"


def test_models_are_exported_imported_and_deleted(fake_flow: FakeFlow, flow: FlowClient, dag: dict[str, Any]) -> None:
    dag["dag"]["tasks"]["lr_0"] = {"component_ref": "homo_lr"}
    job = flow.job.submit(dag)
    fake_flow.clock.advance(60)
    party = (job.job_id, "guest", "9999")

    assert "output_model" in flow.output.model(*party, "lr_0")
    assert flow.output.metrics(*party, "lr_0") == []
    assert not flow.output.delete_metrics(*party, "lr_0")
    flow.model.export(job.model_id, "0", "guest", "9999", path="/srv/models")
    tar, again, package = io.BytesIO(), io.BytesIO(), io.BytesIO()
    flow.output.download_model(*party, "lr_0", tar)
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("~/0/guest/9999/lr_0/output_model", tar.getvalue())
    flow.model.import_([package.getvalue()], model_id="imported#1", model_version="3")
    part = ("guest", "9999", "lr_0", "output_model")
    assert flow.model.download("imported#1", "3", *part, again) == len(tar.getvalue())
    assert again.getvalue() == tar.getvalue()
    assert flow.model.delete("imported#1", "3")
    for gone in (flow.model.delete, lambda *model: flow.model.download(*model, *part, io.BytesIO())):
        with pytest.raises(FateModelNotFound):
            gone("imported#1", "3")
    flow.output.delete_model(*party, "lr_0")
    with pytest.raises(FateModelNotFound):
        flow.output.download_model(*party, "lr_0", io.BytesIO())


def test_providers_are_registered_and_forgotten(flow: FlowClient, tmp_path: Path) -> None:
    where = {"path": str(tmp_path), "venv": sys.executable}

    assert flow.provider.register("fate_llm", "2.2.0", "local", where) == "create success"
    assert flow.provider.register("fate_llm", "2.2.0", "local", where) == "update success"
    assert [item.metadata for item in flow.provider.query(provider_name="fate_llm:2.2.0@local")] == [where]
    assert flow.provider.delete(name="fate_llm")
    assert not flow.provider.delete(name="fate_llm")
    with pytest.raises(FateInvalidParameterError, match="filter"):
        flow.provider.delete()


def test_a_cleaned_queue_names_its_jobs(fake_flow: FakeFlow, flow: FlowClient, dag: dict[str, Any]) -> None:
    fake_flow.clock.freeze()
    jobs = [flow.job.submit(dag).job_id for _ in range(3)]

    assert flow.job.clean_queue() == dict.fromkeys(jobs, "success")
    assert {record.status for record in flow.job.query(job_id=jobs[0])} == {models.JobStatus.FAILED}
    fake_flow.clock.advance(1)
    assert {record.status for record in flow.job.query(job_id=jobs[0])} == {models.JobStatus.CANCELED}


# --- what the fake promises to those who build on it ---


def test_a_site_sees_its_own_side_only(fake_site: FakeFlow, dag: dict[str, Any]) -> None:
    with FlowClient(fake_site.settings) as flow:
        job = flow.job.submit(dag)
        fake_site.clock.advance(60)

        assert flow.site.info().party_id == "9999"
        assert [record.role for record in flow.job.query(job_id=job.job_id)] == ["guest"]
        assert flow.job.query(job_id=job.job_id, role="host") == []
        assert {task.role for task in flow.task.query(job_id=job.job_id)} == {"guest"}
        with pytest.raises(FateTaskNotFound):
            flow.output.metrics(job.job_id, "host", "10000", "psi_0")
        with pytest.raises(FateJobNotFound):
            flow.job.data_view(job.job_id, "host", "10000")
        assert flow.log.query("task_info", job.job_id, "host", "10000", "psi_0") == []
        assert any(
            "'role': 'host'" in line.content for line in flow.log.query("schedule_info", job.job_id, "guest", "9999")
        )


def test_a_partner_s_stop_reads_failed_before_it_reads_canceled(
    fake_flow: FakeFlow, flow: FlowClient, dag: dict[str, Any]
) -> None:
    fake_flow.clock.freeze()
    fake_flow.plan(Script(stall="psi_0", settle=3.0))
    job = flow.job.submit(dag)
    fake_flow.clock.advance(1)
    fake_flow.partner_stops(job.job_id)

    assert flow.job.query(job_id=job.job_id)[0].status is models.JobStatus.FAILED
    fake_flow.clock.advance(4)
    assert flow.job.query(job_id=job.job_id)[0].status is models.JobStatus.CANCELED
    psi = flow.task.query(job_id=job.job_id, task_name="psi_0")[0]
    assert (psi.status, psi.party_status) == (models.TaskStatus.CANCELED, models.TaskStatus.FAILED)


def test_a_scripted_failure_is_reported_where_it_happened(
    fake_flow: FakeFlow, flow: FlowClient, dag: dict[str, Any]
) -> None:
    failure = Failure("ValueError: curve", party=("host", "10000"), log=["[ERROR] curve"])
    fake_flow.plan(Script(fail={"psi": failure}))
    job = flow.job.submit(dag)
    fake_flow.clock.advance(60)

    reports = {task.role: task.error_report for task in flow.task.query(job_id=job.job_id, task_name="psi_0")}
    assert reports["guest"] == ""
    assert "ValueError: curve" in (reports["host"] or "")
    assert [line.content for line in flow.log.query("task_error", job.job_id, "host", "10000", "psi_0")] == [
        "[ERROR] curve"
    ]


def test_a_rerun_makes_new_versions_of_what_did_not_succeed(
    fake_flow: FakeFlow, flow: FlowClient, dag: dict[str, Any]
) -> None:
    fake_flow.clock.freeze()
    fake_flow.plan(Script(fail={"psi": Failure()}, rerun_delay=2.0))
    job = flow.job.submit(dag)
    fake_flow.clock.advance(60)
    flow.job.rerun(job.job_id)

    assert flow.job.query(job_id=job.job_id)[0].status is models.JobStatus.FAILED
    versions = {(task.task_name, task.task_version) for task in flow.task.query(job_id=job.job_id)}
    assert versions == {("reader_0", 0), ("psi_0", 1)}
    fake_flow.clock.advance(2.01)
    assert flow.job.query(job_id=job.job_id)[0].status is models.JobStatus.WAITING
    assert flow.task.versions(job_id=job.job_id).count == 6


def test_twins_of_a_submit_share_its_mark(fake_flow: FakeFlow, flow: FlowClient, dag: dict[str, Any]) -> None:
    fake_flow.faults.twin_submits(3)

    job = flow.job.submit(dag)

    copies = {record.job_id for record in flow.job.list().jobs if record.extra == {"mark": "m1"}}
    assert len(copies) == 3
    assert max(copies) == job.job_id
