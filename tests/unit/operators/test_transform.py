"""A raw table becomes a dataframe."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.clients.fate_flow.endpoints.job import JobGroup
from airflow_provider_fate.clients.fate_flow.models import TableRef
from airflow_provider_fate.errors import FateConflictError, FateDataError, FateTableNotFound
from airflow_provider_fate.operators.transform import FateTransformOperator
from tests.support.fake_flow import FakeFlow, Script
from tests.support.fake_flow.tables import Table
from tests.support.task import CONN_ID, Task

ROWS = [[str(i), f"0.{i}"] for i in range(7)]


def raw(name: str = "raw") -> Table:
    return Table("upload", name, "table", ["id", "x"], ROWS)


@pytest.fixture
def with_raw(site) -> FakeFlow:
    site.tables.add(raw())
    return site


def transform(**kwargs: Any) -> Task:
    arguments = {"task_id": "task", "source": "upload.raw", "table": "credit.bank_{{ day }}"} | kwargs
    return Task(lambda: FateTransformOperator(fate_conn_id=CONN_ID, **arguments), templates={"day": "20260101"})


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_raw_table_becomes_a_dataframe_of_as_many_rows(with_raw, deferrable):
    result = transform(deferrable=deferrable).run()
    assert (result["namespace"], result["name"], result["count"]) == ("credit", "bank_20260101", 7)
    assert with_raw.tables.get("credit", "bank_20260101").kind == "dataframe"


def test_another_number_of_rows_is_an_error(with_raw):
    task = transform()
    trigger = task.start()
    event = asyncio.run(trigger.wait())
    with_raw.tables.get("credit", "bank_20260101").rows = ROWS[:3]
    with pytest.raises(FateDataError, match=r"has 3 rows, but upload\.raw had 7"):
        task.resume(event)


def test_a_retry_attaches_to_the_job_of_the_try_before(with_raw):
    with_raw.plan(Script(waiting=1))
    task = transform()
    task.start()
    task.retry()
    assert task.run()["count"] == 7
    assert with_raw.requests.count("/data/component/dataframe/transformer") == 1


def test_a_retry_finds_what_was_done_although_the_raw_table_is_gone(with_raw):
    task = transform()
    asyncio.run(task.start().wait())
    assert with_raw.tables.get("upload", "raw") is None
    task.retry()
    assert task.run()["count"] == 7


def test_a_job_that_was_started_but_not_described_is_taken_up(with_raw, monkeypatch):
    with_raw.plan(Script(waiting=1))
    task = transform()
    with monkeypatch.context() as broken:
        broken.setattr(JobGroup, "add_notes", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            task.start()
    task.retry()
    assert task.run()["count"] == 7
    assert len(with_raw.jobs) == 1


def test_one_that_has_ended_before_it_was_described_is_taken_up_too(with_raw):
    with FlowClient(with_raw.settings) as flow:
        job_id = flow.data.transform(
            TableRef(namespace="upload", name="raw"), namespace="credit", name="bank_20260101"
        ).job_id
    with_raw.clock.advance(60)
    assert with_raw.state_of(job_id) == "success"
    assert transform().run()["job_id"] == job_id


def test_a_retry_after_somebody_stopped_the_job_starts_anew(with_raw):
    with_raw.plan(Script(waiting=1e9))
    task = transform()
    task.start()
    (job_id,) = with_raw.jobs
    with FlowClient(with_raw.settings) as flow:
        flow.job.stop(job_id)
    with_raw.plan(Script())
    task.retry()
    assert task.run()["job_id"] != job_id


def test_a_cleared_task_stops_what_it_had_begun(with_raw):
    with_raw.plan(Script(waiting=1e9))
    task = transform()
    task.start()
    (job_id,) = with_raw.jobs
    with_raw.plan(Script())
    task.clear()
    assert task.run()["job_id"] != job_id
    assert with_raw.state_of(job_id) == "canceled"


def test_a_kill_while_it_submits_stops_the_job(with_raw, monkeypatch):
    with_raw.plan(Script(waiting=1e9))
    task = transform()
    operator = task.make()
    operator.render_template_fields(task.context)
    with monkeypatch.context() as broken:
        broken.setattr(JobGroup, "add_notes", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            operator.execute(task.context)
    operator.on_kill()
    (job_id,) = with_raw.jobs
    assert with_raw.state_of(job_id) == "canceled"


def test_a_missing_raw_table_is_retried(site):
    with pytest.raises(FateTableNotFound, match=r"no raw table upload\.raw"):
        transform().run()


def test_a_dataframe_is_refused(site):
    site.tables.add(Table("upload", "raw", "dataframe", ["id"], [["1"]]))
    with pytest.raises(AirflowFailException, match="is not a raw table, but a dataframe"):
        transform().run()


def test_a_name_that_is_taken_is_refused_and_the_raw_table_stays(with_raw):
    with_raw.tables.add(Table("credit", "bank_20260101", "dataframe", ["id"], [["1"]]))
    with pytest.raises(AirflowFailException, match="overwrite=True"):
        transform().run()
    assert with_raw.tables.get("upload", "raw")
    assert transform(overwrite=True).run()["count"] == 7


def test_a_raw_table_that_another_job_transforms_is_refused(with_raw):
    with_raw.plan(Script(waiting=1e9))
    with FlowClient(with_raw.settings) as flow:
        job_id = flow.data.transform(TableRef(namespace="upload", name="raw"), namespace="credit", name="other").job_id
    with pytest.raises(FateConflictError, match=f"job {job_id} reads it(?s:.*)deletes a raw table"):
        transform().run()


@pytest.mark.parametrize("names", [{"source": "raw"}, {"table": "a b.c"}, {"source": "a.b", "table": "a.b"}])
def test_names_that_cannot_be_right_are_refused_before_the_site_is_asked(site, names):
    with pytest.raises(AirflowFailException):
        transform(**names).run()
    assert site.requests.count() == 0
