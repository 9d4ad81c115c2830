"""The retention task: what it says, what it returns, and when it deletes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.errors import FateServerError
from airflow_provider_fate.operators.retention import FateRetentionOperator
from tests.support.fake_flow import FakeFlow
from tests.support.past import Past
from tests.support.task import CONN_ID, Task, connect


@pytest.fixture
def past(site: FakeFlow) -> Iterator[Past]:
    """Two uploads, one of them old, and an old training over other tables."""
    with FlowClient(site.settings) as flow:
        past = Past(site, flow)
        past.train("a.b", "a.c", 50)
        past.upload("credit.old", 40, rows=5)
        past.upload("credit.young", 3)
        past.come_back()
        yield past


def retention(**kwargs: Any) -> Task:
    arguments = {"task_id": "task", "older_than": {"tables": 30, "jobs": 30}} | kwargs
    return Task(
        lambda: FateRetentionOperator(fate_conn_id=CONN_ID, **arguments), templates={"dry": "False", "days": "30"}
    )


def test_by_default_it_only_says_what_is_due_and_why_the_rest_is_kept(past, capsys):
    train, old, _ = past.fake.jobs
    report = retention().run()
    log = capsys.readouterr().out
    assert report["dry_run"] is True
    assert report["delete"] == {"tables": 1, "jobs": 1}
    assert (report["kept"], report["too_young"]) == ({"tables": 0, "jobs": 1}, {"tables": 1, "jobs": 1})
    table, job, kept = report["items"][0], report["items"][2], report["items"][1]
    assert table == {
        "kind": "table", "name": "credit.old", "age_days": 40.0, "rows": 5, "action": "delete", "reason": "",
    }  # fmt: skip
    assert (job["name"], job["action"]) == (old, "delete")
    assert (kept["name"], kept["action"]) == (train, "kept")
    assert "models are not to be deleted" in kept["reason"]
    assert f"table  credit.old             40.0  5     delete  -\njob    {train}  50.0  -     kept    would take" in log
    assert "tables: 1 to delete, 1 too young; jobs: 1 to delete, 1 kept, 1 too young" in log
    assert len(past.fake.jobs) == 3
    assert past.has_table("credit.old")
    assert not [c for c in past.fake.requests.calls if c.method == "POST" and c.path.endswith(("/delete", "/clean"))]


def test_it_deletes_when_it_is_told_to(past, capsys):
    train, _, young = past.fake.jobs
    report = retention(dry_run=False).run()
    assert report["deleted"] == {"tables": 1, "jobs": 1}
    assert set(past.fake.jobs) == {train, young}
    assert not past.has_table("credit.old")
    assert past.has_table("credit.young")
    assert "Deleted table credit.old" in capsys.readouterr().out


def test_arguments_may_be_templates(past):
    report = retention(
        dry_run="{{ dry }}", older_than={"tables": "{{ days }}"}, keep={"tables": ["{{ 'credit' }}.o*"]}
    ).run()
    assert report["dry_run"] is False
    assert report["items"][0]["reason"] == "on the keep list: credit.o*"
    assert past.has_table("credit.old")


def test_one_age_is_for_all_kinds(past):
    report = retention(older_than=timedelta(days=30), dry_run=False).run()
    assert report["deleted"] == {"tables": 1, "models": 1, "outputs": 0, "jobs": 2}


def test_too_many_deletions_are_none_at_all(past, capsys):
    task = retention(dry_run=False, max_deletions=1)
    with pytest.raises(AirflowFailException, match="2 things are to be deleted, more than max_deletions=1"):
        task.run()
    assert past.has_table("credit.old")
    assert len(past.fake.jobs) == 3
    assert retention(max_deletions=1).run()["delete"] == {"tables": 1, "jobs": 1}
    assert "the task would fail" in capsys.readouterr().out


def test_what_could_not_be_deleted_fails_the_task_after_the_rest_is_done(past):
    past.upload("credit.other", 0)
    past.fake.faults.answer(6000, "OSError('disk')", "/job/clean")
    task = retention(dry_run=False)
    with pytest.raises(FateServerError, match=r"1 things could not be deleted, first job \d+: .*disk"):
        task.run()
    assert not past.has_table("credit.old")
    assert task.ti.xcoms["report"]["failed"] == {"tables": 0, "jobs": 1}


def test_a_report_of_very_many_things_is_cut_for_xcom(past, monkeypatch):
    monkeypatch.setattr("airflow_provider_fate.site.retention_report.MOST_ITEMS", 1)
    report = retention().run()
    assert len(report["items"]) == 1
    assert report["delete"] == {"tables": 1, "jobs": 1}
    json.dumps(report)


def test_a_site_with_nothing_old_has_nothing_to_say(site, capsys):
    report = retention(dry_run=False).run()
    assert report["items"] == []
    assert "tables: 0 too young; jobs: 0 too young" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"dry_run": "perhaps"}, "dry_run='perhaps'"),
        ({"dry_run": None}, "dry_run=None"),
        ({"max_deletions": -1}, "max_deletions=-1"),
        ({"max_deletions": "many"}, "max_deletions='many'"),
        ({"older_than": {"logs": 3}}, "'logs'"),
        ({"keep": {"tables": "credit.*"}}, "keep of tables"),
    ],
)
def test_wrong_arguments_are_refused_before_the_site_is_asked(site, arguments, says):
    with pytest.raises(AirflowFailException, match=says):
        retention(**arguments).run()
    assert site.requests.count() == 0


def test_the_wrong_site_is_refused(fake_site, monkeypatch):
    connect(monkeypatch, fake_site, party_id="10000")
    with pytest.raises(AirflowFailException, match="party id '10000'"):
        retention(dry_run=False).run()
