"""What the guest's site shows of a job, and what not: the same of a fake whose partner is invisible and of a pair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.clients.fate_flow.models import JobRecord, JobStatus
from airflow_provider_fate.errors import FateJobNotFound, FateTableNotFound, FateTaskNotFound
from airflow_provider_fate.jobs import Party, Psi
from tests.contract.conftest import Server, end_of, wait_until
from tests.support.fake_flow import FakeFlow
from tests.support.fake_flow.tables import Table

pytestmark = pytest.mark.timeout(300)

GUEST = {"role": "guest", "party_id": "9999"}
HOST = {"role": "host", "party_id": "10000"}


@pytest.fixture(scope="module", params=["fake", pytest.param("pair", marks=[pytest.mark.fate, pytest.mark.pair])])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """The guest's site."""
    if request.param == "fake":
        with FakeFlow(partner_visible=False) as fake:
            fake.tables.add(Table("pair", "guest", "dataframe", ["id", "y"], [["1", "0"]]))
            yield Server(fake.settings, patience=10.0, settle=0.4)
        return
    pair: Any = request.getfixturevalue("fate_pair")
    yield Server(pair.guest.flow.settings)


@pytest.fixture(scope="module")
def flow(server: Server) -> Iterator[FlowClient]:
    with FlowClient(server.settings) as client:
        yield client


def job(**conf: Any) -> dict[str, Any]:
    made: dict[str, Any] = Psi(guest=Party("9999", "pair.guest"), hosts=[Party("10000", "pair.host")]).dag()
    made["dag"].setdefault("conf", {}).update(conf)
    return made


@pytest.fixture(scope="module")
def done(server: Server, flow: FlowClient) -> JobRecord:
    """A job after its success."""
    job_id = flow.job.submit(job(extra={"mark": "m"})).job_id
    assert end_of(server, flow, job_id) is JobStatus.SUCCESS
    (record,) = flow.job.query(job_id=job_id)
    return record


def test_a_site_says_which_party_it_is(flow: FlowClient) -> None:
    assert (flow.site.info().standalone, flow.site.info().party_id) == (False, "9999")


def test_it_has_its_own_row_of_a_job_and_no_other(flow: FlowClient, done: JobRecord) -> None:
    assert (done.role, done.party_id, done.initiator_party_id, done.scheduler_party_id) == (
        *("guest", "9999"),
        *("9999", "9999"),
    )
    assert done.extra["mark"] == "m"
    assert flow.job.query(job_id=done.job_id, **HOST) == []
    assert [(row.role, row.job_id) for row in flow.job.list(job_id=done.job_id).jobs] == [("guest", done.job_id)]
    assert [row.job_id for row in flow.job.list(roles=("host",), job_id=done.job_id).jobs] == []


def test_it_has_its_own_tasks_and_no_others(flow: FlowClient, done: JobRecord) -> None:
    tasks = flow.task.query(job_id=done.job_id)
    assert {(task.task_name, task.role) for task in tasks} == {("reader_0", "guest"), ("psi_0", "guest")}
    assert flow.task.query(job_id=done.job_id, **HOST) == []


def test_it_has_its_own_logs_and_of_the_partners_nothing_and_no_error(flow: FlowClient, done: JobRecord) -> None:
    assert flow.log.count("task_info", done.job_id, "guest", "9999", "psi_0")
    assert flow.log.query("task_info", done.job_id, "host", "10000", "psi_0") == []
    assert flow.log.count("task_info", done.job_id, "host", "10000", "psi_0") == 0


def test_the_names_of_both_sides_tables_are_known(flow: FlowClient, done: JobRecord) -> None:
    view = flow.job.data_view(done.job_id, "guest", "9999").data_view
    assert view["host"]["10000"] == [{"namespace": "pair", "name": "host"}]
    assert view["guest"]["9999"] == [{"namespace": "pair", "name": "guest"}]
    with pytest.raises(FateJobNotFound):
        flow.job.data_view(done.job_id, "host", "10000")


def test_metrics_of_the_partner_are_not_there(flow: FlowClient, done: JobRecord) -> None:
    assert flow.output.metrics(done.job_id, "guest", "9999", "psi_0")
    with pytest.raises(FateTaskNotFound):
        flow.output.metrics(done.job_id, "host", "10000", "psi_0")


def test_the_partners_table_is_not_there(flow: FlowClient) -> None:
    with pytest.raises(FateTableNotFound):
        flow.table.query("pair", "host")


def test_a_stop_ends_the_job_here_at_once(server: Server, flow: FlowClient) -> None:
    job_id = flow.job.submit(job()).job_id
    flow.job.stop(job_id)
    wait_until(server, lambda: flow.job.query(job_id=job_id)[0].status is JobStatus.CANCELED)
    flow.job.stop(job_id)
    assert flow.job.query(job_id=job_id)[0].status is JobStatus.CANCELED, "it may be stopped again"
