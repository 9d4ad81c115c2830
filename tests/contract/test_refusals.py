"""What FATE-Flow refuses, and in which words of ours; the same on the fake and on real servers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import AsyncFlowClient, FlowClient, models
from airflow_provider_fate.errors import (
    FateCreateJobError,
    FateFileNotFound,
    FateInvalidJobError,
    FateInvalidParameterError,
    FateJobNotFound,
    FateModelNotFound,
    FateNotFoundError,
    FateNotOfferedError,
    FateTableNotFound,
    FateTaskNotFound,
)
from tests.recordings.scenario import psi_job

TASK: dict[str, Any] = {"job_id": "000", "role": "guest", "party_id": "9999", "task_name": "psi_0"}
PARTY: dict[str, Any] = {"job_id": "000", "role": "guest", "party_id": "9999"}


def test_the_server_says_what_it_is(flow: FlowClient) -> None:
    version = flow.server.version()

    assert version.version == "2.2.0"
    assert [instance.version for instance in version.instances] == ["2.2.0"]
    assert flow.site.info() == models.SiteInfo(standalone=True)
    assert not flow.server.configuration().authenticates_clients


async def test_the_async_client_hears_the_same(aflow: AsyncFlowClient, flow: FlowClient) -> None:
    assert (await aflow.server.version()).version == flow.server.version().version
    assert await aflow.site.info() == flow.site.info()
    with pytest.raises(FateJobNotFound):
        await aflow.job.stop("000")


def test_lists_of_nothing_are_empty(flow: FlowClient) -> None:
    assert flow.job.query(job_id="000") == []
    assert flow.task.query(job_id="000") == []
    assert flow.job.list(job_id="000000").jobs == []
    assert flow.task.versions(job_id="000").tasks == []
    assert flow.log.query("task_info", **TASK) == []
    assert flow.log.count("task_info", **TASK) == 0
    assert flow.provider.query(name="nope") == []


def test_single_things_that_are_not_there_are_errors(flow: FlowClient, tmp_path: Path) -> None:
    target = tmp_path / "file"
    for kind, call in [
        (FateJobNotFound, lambda: flow.job.stop("000")),
        (FateJobNotFound, lambda: flow.job.rerun("000")),
        (FateJobNotFound, lambda: flow.job.clean("000")),
        (FateJobNotFound, lambda: flow.job.data_view(**PARTY)),
        (FateJobNotFound, lambda: flow.job.dependencies(**PARTY)),
        (FateFileNotFound, lambda: flow.job.download_logs("000", target)),
        (FateTaskNotFound, lambda: flow.output.metrics(**TASK)),
        (FateTaskNotFound, lambda: flow.output.metric_keys(**TASK)),
        (FateTaskNotFound, lambda: flow.output.model(**TASK)),
        (FateTaskNotFound, lambda: flow.output.download_model(**TASK, to=target)),
        (FateTaskNotFound, lambda: flow.output.data_tables(**TASK)),
        (FateTaskNotFound, lambda: flow.output.data_display(**TASK)),
        (FateTaskNotFound, lambda: flow.output.download_data(**TASK, to=target)),
        (FateTableNotFound, lambda: flow.table.query("a", "nope")),
        (FateTableNotFound, lambda: flow.table.delete("a", "nope")),
        (FateTableNotFound, lambda: flow.data.download("a", "nope", to=target)),
        (FateModelNotFound, lambda: flow.model.delete("0", "0")),
        (FateNotFoundError, lambda: flow.server.query("nope")),
    ]:
        with pytest.raises(kind):  # type: ignore[arg-type]
            call()
    assert list(tmp_path.iterdir()) == []


def test_what_is_switched_off_is_not_offered(flow: FlowClient) -> None:
    assert flow.permission.roles() == []
    for call in (
        lambda: flow.app.create_client("x"),
        lambda: flow.app.query_clients(app_id="1"),
        lambda: flow.permission.query("1"),
    ):
        with pytest.raises(FateNotOfferedError):
            call()


def test_a_dag_that_flow_cannot_read_is_an_invalid_job(flow: FlowClient) -> None:
    with pytest.raises(FateInvalidJobError, match="party ids"):
        flow.job.submit({"dag": {}, "schema_version": "2.2.0"})


def test_a_job_that_cannot_be_created_names_parties_and_leaves_a_record(flow: FlowClient) -> None:
    with pytest.raises(FateCreateJobError, match="Not found provider") as caught:
        flow.job.submit(psi_job(task={"provider": "fate:9.9.9@local"}))

    assert ("guest", "9999") in caught.value.parties
    assert caught.value.job_id is not None
    records = flow.job.query(job_id=caught.value.job_id)
    assert {record.status for record in records} == {models.JobStatus.FAILED}
    assert flow.task.query(job_id=caught.value.job_id) == []


def test_strange_devices_are_refused(flow: FlowClient) -> None:
    with pytest.raises(FateInvalidParameterError, match="moon"):
        flow.provider.register("x", "1", "moon", {})  # type: ignore[arg-type]


def test_registered_servers_come_and_go(flow: FlowClient) -> None:
    flow.server.register("fateboard", "127.0.0.1", 8080)

    assert flow.server.query("fateboard").port == 8080
    flow.server.register_service("fateboard", "svc", "/x")
    assert flow.server.query_service("fateboard", "svc").url == "http://127.0.0.1:8080/x"
    assert flow.server.delete_service("fateboard", "svc")
    assert flow.server.delete("fateboard")
    assert not flow.server.delete("fateboard")


def test_all_providers_are_found_without_a_filter(flow: FlowClient) -> None:
    assert {"fate", "fate_flow"} <= {provider.name for provider in flow.provider.query()}


def test_a_path_can_be_bound_but_not_unbound(flow: FlowClient) -> None:
    flow.table.bind_path("contract", "images", "/srv/images")

    bound = flow.table.query("contract", "images")
    assert (bound.data_type, bound.count) == ("data_directory", None)
    with pytest.raises(FateNotOfferedError):
        flow.table.delete("contract", "images")
