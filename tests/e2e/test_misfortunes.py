"""What a user sees when a job comes to a bad end."""

from __future__ import annotations

import time

import pytest

from airflow_provider_fate.clients.flow import FlowClient
from dev.localairflow import AirflowApi

pytestmark = [pytest.mark.airflow, pytest.mark.fate, pytest.mark.slow, pytest.mark.timeout(900)]


def test_marking_a_waiting_task_as_failed_stops_its_job(api: AirflowApi, flow: FlowClient) -> None:
    run = api.trigger("e2e_killed")
    api.wait_task("e2e_killed", run, "train", frozenset({"deferred"}), timeout=600)
    job_id = api.xcom("e2e_killed", run, "train", "job_id")
    wait_for_job(flow, job_id, {"running"})

    api.mark("e2e_killed", run, "train", "failed")

    assert wait_for_job(flow, job_id, {"canceled", "success", "failed"}) == "canceled"


def test_a_failed_job_is_explained_in_the_log_of_its_task(api: AirflowApi) -> None:
    run = api.trigger("e2e_failing")

    assert api.wait("e2e_failing", run, timeout=300) == "failed"

    log = api.log("e2e_failing", run, "intersect")
    assert "reader_0" in log, "the failing task is named"
    assert "nowhere" in log, "the failing task's own error is shown"
    assert api.xcom("e2e_failing", run, "intersect", "job_id") in log


def test_a_job_that_cannot_work_is_refused_before_it_is_submitted(api: AirflowApi, flow: FlowClient) -> None:
    before = flow.job.list(limit=1).count

    run = api.trigger("e2e_refused")

    assert api.wait("e2e_refused", run, timeout=300) == "failed"
    assert "nowhere.clinic" in api.log("e2e_refused", run, "intersect")
    assert flow.job.list(limit=1).count == before


def wait_for_job(flow: FlowClient, job_id: str, states: set[str], timeout: float = 180.0) -> str:
    """Wait until a job is in one of the states, as its guest sees it."""
    end = time.monotonic() + timeout
    while True:
        status = str(flow.job.query(job_id=job_id, role="guest")[0].status)
        status = status.rpartition(".")[2].lower()
        if status in states:
            return status
        if time.monotonic() > end:
            pytest.fail(f"job {job_id} is {status} after {timeout:.0f} s")
        time.sleep(0.5)
