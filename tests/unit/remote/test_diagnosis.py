"""What is said of jobs that were stopped, and of tasks that have not run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.site.diagnosis import Diagnosis, diagnose, stopped_by
from airflow_provider_fate.site.evidence import Evidence
from airflow_provider_fate.site.progress import in_order
from airflow_provider_fate.site.ref import JobRef
from airflow_provider_fate.site.waiting import where_it_is
from tests.support.fake_flow import Failure, FakeFlow, Script


@pytest.fixture
def site(fake_site: FakeFlow) -> FakeFlow:
    """The guest's site of a real pair."""
    fake_site.plan(Script(stall="psi"))
    return fake_site


@pytest.fixture
def flow(site: FakeFlow) -> Iterator[FlowClient]:
    with FlowClient(site.settings) as client:
        yield client


def submit(flow: FlowClient) -> JobRef:
    schema = Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")]).dag()
    return JobRef(flow.job.submit(schema).job_id, "guest", "9999")


def canceled(flow: FlowClient, ref: JobRef) -> Diagnosis:
    found = diagnose(flow, ref, "canceled")
    assert found.summary == f"Job {ref.job_id} ended canceled. {found.side}"
    return found


def test_a_job_that_was_stopped_here_is_said_to_be(site: FakeFlow, flow: FlowClient) -> None:
    ref = submit(flow)
    site.clock.advance(5)
    flow.job.stop(ref.job_id)
    assert canceled(flow, ref).side.startswith("It was stopped on this site, by somebody or by another task (known: ")


def test_a_job_that_a_partner_stopped_is_said_to_be(site: FakeFlow, flow: FlowClient) -> None:
    ref = submit(flow)
    site.clock.advance(5)
    flow.job.query(job_id=ref.job_id)
    site.jobs[ref.job_id].stop(by_partner=True)
    assert canceled(flow, ref).side.startswith("host 10000 stopped it (known: ")


def test_who_stopped_a_job_is_inferred_where_the_log_does_not_say(site: FakeFlow, flow: FlowClient) -> None:
    ref = submit(flow)
    assert "unknown" in stopped_by((), ref)
    site.clock.advance(5)
    flow.job.query(job_id=ref.job_id)
    site.jobs[ref.job_id].stop(by_partner=True)
    site.jobs[ref.job_id].schedule_log.clear()
    assert canceled(flow, ref).side.startswith("A partner stopped it (inferred: ")


def test_a_stop_does_not_hide_an_error(site: FakeFlow, flow: FlowClient) -> None:
    site.plan(Script(fail={"psi": Failure(reason="ValueError: no such curve", party=("guest", "9999"))}))
    ref = submit(flow)
    site.clock.advance(3600)
    flow.job.query(job_id=ref.job_id)
    found = diagnose(flow, ref, "canceled")
    assert found.side.startswith("Failing side: guest 9999 (known")
    assert "ValueError: no such curve" in found.summary


def test_tasks_that_have_not_started_are_shown_in_the_order_of_the_dag(site: FakeFlow, flow: FlowClient) -> None:
    site.plan(Script(waiting=3600))
    ref = submit(flow)
    assert [line.split()[0] for line in where_it_is(flow, ref)] == ["task", "reader_0", "psi_0"]
    tasks = flow.task.query(job_id=ref.job_id)
    assert [task.task_name for task in in_order(tasks)] == ["psi_0", "reader_0"]  # all that is known without the DAG
    circle = {
        "dag": {"tasks": {"psi_0": {"dependent_tasks": ["reader_0"]}, "reader_0": {"dependent_tasks": ["psi_0"]}}}
    }
    assert len(in_order(tasks, circle)) == 2


def test_a_site_that_does_not_schedule_the_job_does_not_take_its_own_log_for_the_schedulers(
    flow: FlowClient, monkeypatch: pytest.MonkeyPatch, site: FakeFlow
) -> None:
    ref = submit(flow)
    site.clock.advance(5)
    flow.job.stop(ref.job_id)
    own = (
        f"update task {ref.job_id}_reader_0 0 status successfully: {{'role': 'guest', 'party_id': '9999', "
        "'party_status': 'failed'}"
    )
    monkeypatch.setattr(Evidence, "schedule_log", lambda self: (own,))
    assert diagnose(flow, ref, "failed").side.startswith("Failing side: guest 9999 (known: the scheduler's log")

    records = flow.job.query(job_id=ref.job_id)
    elsewhere = [record.model_copy(update={"scheduler_party_id": "10000"}) for record in records]
    monkeypatch.setattr(Evidence, "records", lambda self: elsewhere)
    found = diagnose(flow, ref, "failed")
    assert found.side == "Failing side: host 10000 (inferred: guest 9999 reported no error of its own)."
    assert found.elsewhere is not None


def test_a_job_that_a_party_did_not_take_says_who_and_why(
    flow: FlowClient, monkeypatch: pytest.MonkeyPatch, site: FakeFlow
) -> None:
    ref = submit(flow)
    answers = {
        "guest": {"9999": {"code": 0, "message": "success"}},
        "host": {"10000": {"code": 104, "message": "Federated schedule error, Connection refused"}},
    }
    lines = ("[ERROR] it failed", "Traceback (most recent call last):", f"Exception: ('create job failed', {answers})")
    monkeypatch.setattr(Evidence, "schedule_errors", lambda self: lines)
    found = diagnose(flow, ref, "failed")
    assert "host 10000 cannot be reached" in found.summary
    assert found.side == "Failing side: host 10000 (known: the scheduler's log has the answer)."
    assert "Ask host 10000 for the log of job" in found.ask
    assert "Traceback" not in "\n".join(found.lines())
