"""The example that scores: what its tasks wait for, and what they do with each other's results."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_fate.assets import model_asset
from airflow_provider_fate.jobs import HeteroSecureBoost, Party
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.ui.plugin import FatePlugin
from tests.support.fake_flow import FakeFlow, Script, Table
from tests.support.task import FakeTaskInstance, Task, connect

MACROS = SimpleNamespace(fate=SimpleNamespace(**{macro.__name__: macro for macro in FatePlugin.macros}))
MODEL = model_asset("9999", "malignancy")
COLUMNS = ["extend_sid", "patient", "texture_error", "smoothness_error"]
SCORES = ["extend_sid", "patient", "predict_result", "predict_score", "predict_detail", "type"]


@pytest.fixture
def dag(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "dags"))
    monkeypatch.delitem(sys.modules, "batch_scoring", raising=False)
    return import_module("batch_scoring").batch_scoring()


@pytest.fixture
def site(fake_flow: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> FakeFlow:
    connect(monkeypatch, fake_flow, "fate_default")
    monkeypatch.setenv("AIRFLOW__FATE__POLL_INTERVAL", "0.05")
    for namespace in ("arrivals", "scoring"):
        meta = {"match_id_name": "patient"}
        fake_flow.tables.add(Table(namespace, "clinic", "dataframe", COLUMNS, [["0"] * 4] * 3, meta=meta))
    return fake_flow


def test_it_loads_both_sides_scores_and_writes(dag: Any) -> None:
    after = {task.task_id: task.downstream_task_ids for task in dag.tasks}
    assert after == {
        "is_there_a_model": {"export_new_patients"},
        "export_new_patients": {"load_clinic", "load_laboratory"},
        "load_clinic": {"score"},
        "load_laboratory": {"score"},
        "score": {"write_scores", "report"},
        "write_scores": {"report"},
        "report": set(),
    }
    assert all(MODEL in task.inlets for task in dag.tasks), "a run by hand takes the newest model, too"


def test_the_newest_model_scores_and_its_table_is_written(dag: Any, site: FakeFlow, tmp_path: Path) -> None:
    job = HeteroSecureBoost(guest=Party("9999", "arrivals.clinic"), hosts=[Party("10000", "arrivals.laboratory")])
    trained = Task(
        lambda: FateJobOperator(task_id="train", job=job, check_tables=False), FakeTaskInstance(task_id="train")
    ).run()
    rows = [[str(n), f"p{n:03}", "1", "0.75", "{}", "test_set"] for n in range(30)]
    scored = Table(
        "", "", "dataframe", SCORES, rows, meta={"match_id_name": "patient"}, dtypes={"predict_score": "float64"}
    )
    site.plan(Script(data={"sbt_0": {"test_output_data": [scored]}}))
    operator = dag.get_task("score")
    assert operator.model == MODEL
    operator.tables = {"9999": "scoring.clinic", "10000": "scoring.laboratory"}  # what the uploads give back
    event = SimpleNamespace(timestamp=1, extra={"job_id": trained["job_id"], "model_id": trained["model_id"]})
    run = SimpleNamespace(logical_date=None, run_after=datetime(2026, 1, 3, tzinfo=UTC), conf={})
    known = {"inlet_events": {MODEL: [event]}, "macros": MACROS, "dag_run": run}

    found = Task(lambda: operator, FakeTaskInstance(task_id="score"), templates=known).run()

    assert (found["trained_by"], found["rows"]) == (trained["job_id"], 30)
    writer = dag.get_task("write_scores")
    context: Any = {**known, "ti": SimpleNamespace(xcom_pull=lambda _: found), "params": {}}
    writer.render_template_fields(context)
    written = writer.execute(context)
    assert written["target"] == str(tmp_path / "fate_examples" / "scores" / "malignancy_20260103.csv")
    lines = list(csv.DictReader(Path(written["target"]).read_text().splitlines()))
    assert (len(lines), list(lines[0])) == (30, ["patient", "predict_score", "predict_result"])
