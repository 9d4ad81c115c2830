"""What a user sees when a job comes to a bad end."""

from __future__ import annotations

import time

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient
from dev.localairflow import AirflowApi, AirflowApiError
from tests.e2e.conftest import explain

pytestmark = [pytest.mark.airflow, pytest.mark.fate, pytest.mark.slow, pytest.mark.timeout(900)]


KILLED = "e2e_killed"
ENDED = {"canceled", "success", "failed"}


def deferred_job(api: AirflowApi) -> tuple[str, str]:
    """Start a run, and return its id and the job for which its task has just begun to wait."""
    run = api.trigger(KILLED)
    try:
        api.wait_task(KILLED, run, "train", frozenset({"deferred"}), timeout=600)
    except TimeoutError as e:
        pytest.fail(f"{e}\n{explain(api, KILLED, run)}")
    return run, api.xcom(KILLED, run, "train", "fate_job")["job_id"]


def wait_for_log(api: AirflowApi, run: str, text: str, timeout: float = 120.0) -> None:
    """Wait until the log of the task holds a text."""
    end = time.monotonic() + timeout
    while text not in (log := api.log(KILLED, run, "train")):
        assert time.monotonic() < end, f"{text!r} is not in:\n{log}"
        time.sleep(1)


def test_marking_a_waiting_task_as_failed_stops_its_job(api: AirflowApi, flow: FlowClient) -> None:
    run, job_id = deferred_job(api)
    wait_for_log(api, run, f"Job {job_id} is running")  # the triggerer says so

    api.mark(KILLED, run, "train", "failed")

    assert wait_for_job(flow, job_id, ENDED) == "canceled"
    wait_for_log(api, run, f"stopping {job_id}")


@pytest.mark.parametrize("state", ["failed", "success"])
def test_marking_a_task_that_no_triggerer_knows_yet_stops_its_job(
    api: AirflowApi, flow: FlowClient, state: str
) -> None:
    run, job_id = deferred_job(api)

    api.mark(KILLED, run, "train", state)

    assert wait_for_job(flow, job_id, ENDED) == "canceled"


def test_marking_a_whole_run_as_failed_stops_its_job(api: AirflowApi, flow: FlowClient) -> None:
    run, job_id = deferred_job(api)

    api.mark_run(KILLED, run, "failed")

    assert wait_for_job(flow, job_id, ENDED) == "canceled"


def test_clearing_a_waiting_task_stops_its_job_and_runs_a_new_one(api: AirflowApi, flow: FlowClient) -> None:
    run, old = deferred_job(api)

    api.clear(KILLED, run, ["train"])

    assert wait_for_job(flow, old, ENDED) == "canceled"
    end = time.monotonic() + 180
    while (new := xcom_or_none(api, run)) in (None, old):
        assert time.monotonic() < end, "the cleared task has submitted no new job"
        time.sleep(1)
    api.wait_task(KILLED, run, "train", frozenset({"deferred"}), timeout=180)
    assert wait_for_job(flow, new, {"waiting", "running"}) in ("waiting", "running")
    api.mark(KILLED, run, "train", "failed")
    assert wait_for_job(flow, new, ENDED) == "canceled"


def xcom_or_none(api: AirflowApi, run: str) -> str | None:
    """Return the id of the job; a cleared task has none until it runs again."""
    try:
        return str(api.xcom(KILLED, run, "train", "fate_job")["job_id"])
    except AirflowApiError:
        return None


def test_a_failed_job_is_explained_in_the_log_of_its_task(api: AirflowApi) -> None:
    run = api.trigger("e2e_failing")

    assert api.wait("e2e_failing", run, timeout=300) == "failed"

    log = api.log("e2e_failing", run, "intersect")
    assert "reader_0" in log, "the failing task is named"
    assert "nowhere" in log, "the failing task's own error is shown"
    assert api.xcom("e2e_failing", run, "intersect", "fate_job")["job_id"] in log


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
