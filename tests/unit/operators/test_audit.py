"""Each job of a partner is written down once, in the time in which it has ended."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.audit import FateAuditOperator
from airflow_provider_fate.site import audit
from airflow_provider_fate.site.audit import ended_jobs, stale_jobs
from tests.support.fake_flow import FakeFlow, Script
from tests.support.fake_flow.tables import Table
from tests.support.task import CONN_ID, Task, connect

HOUR = timedelta(hours=1)


@pytest.fixture
def flow(fake_flow: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlowClient]:
    connect(monkeypatch, fake_flow, party_id="10000", role="host")
    fake_flow.plan(Script(waiting=0.0, seconds=1.0))
    fake_flow.tables.add(Table("credit", "telco", "dataframe", ["id"], [["1"], ["2"]]))
    with FlowClient(fake_flow.settings) as client:
        yield client


def run_jobs(fake: FakeFlow, flow: FlowClient, count: int, *, table: str = "credit.telco") -> list[str]:
    """Let jobs come in and end, one after the other."""
    ids = []
    for _ in range(count):
        ids.append(flow.job.submit(Psi(guest=Party("9999", "a.b"), hosts=[Party("10000", table)]).dag()).job_id)
        fake.clock.advance(60)
        flow.job.query(job_id=ids[-1])
    return ids


def now(fake: FakeFlow) -> datetime:
    return datetime.fromtimestamp(fake.clock.now(), UTC)


def test_windows_that_follow_one_another_have_each_job_once(fake_flow: FakeFlow, flow: FlowClient) -> None:
    begin = now(fake_flow) - HOUR
    ids = run_jobs(fake_flow, flow, 3)
    middle = now(fake_flow)
    fake_flow.clock.advance(60)
    ids += run_jobs(fake_flow, flow, 2)
    end = now(fake_flow) + HOUR
    windows = [list(ended_jobs(flow, begin, middle)), list(ended_jobs(flow, middle, end))]
    assert [len(window) for window in windows] == [3, 2]
    assert sorted(job.job.job_id for window in windows for job in window) == sorted(ids)
    assert all((job.job.initiator, job.rows) == ("9999", 2) for window in windows for job in window)
    assert all(job.core_seconds > 0 for job in windows[0])


def test_history_is_not_read(fake_flow: FakeFlow, flow: FlowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PAGE", 4)
    run_jobs(fake_flow, flow, 30)
    fake_flow.clock.advance(60)
    begin = now(fake_flow)
    recent = run_jobs(fake_flow, flow, 5)
    asked = fake_flow.requests.count("/job/list/query")
    assert len(list(ended_jobs(flow, begin, now(fake_flow) + HOUR))) == len(recent)
    assert fake_flow.requests.count("/job/list/query") - asked == 2


def test_unfinished_jobs_of_which_nobody_has_told_anything_are_named(fake_flow: FakeFlow, flow: FlowClient) -> None:
    fake_flow.plan(Script(waiting=0.0, seconds=1e6))
    (job_id,) = run_jobs(fake_flow, flow, 1)
    assert stale_jobs(flow, now(fake_flow) - HOUR) == []
    assert stale_jobs(flow, now(fake_flow) + 3 * HOUR) == [job_id]


def run(target: Path, **arguments: Any) -> Any:
    return Task(lambda: FateAuditOperator(task_id="t", fate_conn_id=CONN_ID, target=str(target), **arguments)).run()


def test_a_file_and_a_report_by_partner(fake_flow: FakeFlow, flow: FlowClient, tmp_path: Path) -> None:
    window = {"begin": (now(fake_flow) - HOUR).isoformat()}
    ids = run_jobs(fake_flow, flow, 2)
    run_jobs(fake_flow, flow, 1, table="credit.gone")
    window["end"] = (now(fake_flow) + HOUR).isoformat()

    told = run(tmp_path / "audit.csv", quota_core_hours=0.0001, **window)
    with (tmp_path / "audit.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert told["jobs"] == len(rows) == 3
    assert {row["job_id"] for row in rows} > set(ids)
    assert rows[-1]["tables"] == "credit.telco"
    assert (rows[-1]["initiator"], rows[-1]["status"], rows[-1]["components"]) == ("9999", "success", "psi reader")
    assert (rows[-1]["rows"], rows[0]["rows"]) == ("2", ""), "a table that is gone has no rows any more"
    partner = told["partners"]["9999"]
    assert (partner["jobs"], partner["ends"], partner["tables"]["credit.telco"]) == (3, {"success": 3}, 2)
    assert told["over_quota"] == ["9999"]
    assert run(tmp_path / "audit.csv", quota_core_hours=1000, **window)["over_quota"] == []

    again = run(tmp_path / "audit.parquet", **window)
    assert pq.read_table(tmp_path / "audit.parquet").num_rows == again["jobs"] == 3


def test_nothing_is_a_file_too(fake_flow: FakeFlow, flow: FlowClient, tmp_path: Path) -> None:
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    told = run(tmp_path / "audit.csv", begin=begin, end=begin + HOUR)
    assert (told["jobs"], told["partners"]) == (0, {})
    assert (tmp_path / "audit.csv").read_text().startswith("job_id,initiator,")


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"target": "audit.txt"}, "target="),
        ({"begin": "yesterday"}, "begin='yesterday'"),
        ({"begin": "2026-01-02", "end": "2026-01-01"}, "is not before end="),
    ],
)
@pytest.mark.usefixtures("flow")
def test_wrong_arguments_are_not_retried(arguments: dict[str, Any], names: str) -> None:
    given = {"target": "audit.csv", "begin": "2026-01-01", "end": "2026-01-02"} | arguments
    with pytest.raises(AirflowFailException, match=names):
        Task(lambda: FateAuditOperator(task_id="t", fate_conn_id=CONN_ID, **given)).run()
