"""The example that deletes: it must not, unless somebody says so."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient
from tests.support.fake_flow import FakeFlow
from tests.support.past import Past
from tests.support.task import FakeTaskInstance, connect

FILE = Path(__file__).parents[2] / "dags" / "housekeeping.py"


@pytest.fixture
def dag() -> Any:
    spec = importlib.util.spec_from_file_location("housekeeping_dag", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # The decorated function makes the DAG anew; the file itself has only registered it.
    return module.housekeeping()


@pytest.fixture
def past(fake_flow: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> Any:
    connect(monkeypatch, fake_flow, "fate_default")
    with FlowClient(fake_flow.settings) as flow:
        past = Past(fake_flow, flow)
        past.upload("credit.old", 40)
        past.upload("credit.reference_1", 40)
        past.come_back()
        yield past


def run(dag: Any, **changed: Any) -> dict[str, Any]:
    """Run the task as a run with these parameters would."""
    operator = dag.get_task("clean_up")
    params = dag.params.dump() | changed
    ti = FakeTaskInstance()
    context: Any = {"ti": ti, "task_instance": ti, "params": params, "dag_run": SimpleNamespace(conf=changed)}
    operator.render_template_fields(context)
    return dict(operator.execute(context))


def test_it_has_two_tasks_and_a_weekly_schedule(dag):
    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == {"clean_up": {"report"}, "report": set()}
    assert dag.schedule == "@weekly"
    assert dag.catchup is False


def test_it_only_reports_by_default(dag, past):
    report = run(dag)
    assert report["dry_run"] is True
    assert report["delete"] == {"tables": 2, "models": 0, "outputs": 0, "jobs": 2}
    assert past.has_table("credit.old")


def test_it_deletes_what_the_form_says(dag, past):
    report = run(dag, dry_run=False, models=None, keep_tables=["credit.reference_*"])
    assert report["deleted"] == {"tables": 1, "outputs": 0, "jobs": 1}
    assert past.has_table("credit.reference_1")
    assert not past.has_table("credit.old")


def test_the_report_says_what_was_done(dag, past, capsys):
    done = run(dag, keep_tables=["credit.reference_*"])
    said = dag.get_task("report").python_callable(done)
    assert said == "tables: 1, models: 0, outputs: 0, jobs: 1"
    assert "table credit.reference_1 stays: on the keep list: credit.reference_*" in capsys.readouterr().out
