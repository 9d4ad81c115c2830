"""The example that trains again: what its tasks wait for, and that drift decides."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from airflow_provider_fate.assets import model_asset
from airflow_provider_fate.jobs import HeteroSecureBoost, Party
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.ui.plugin import FatePlugin
from tests.support.fake_flow import FakeFlow, Table
from tests.support.task import FakeTaskInstance, Task, connect

MACROS = SimpleNamespace(fate=SimpleNamespace(**{macro.__name__: macro for macro in FatePlugin.macros}))
MODEL = model_asset("9999", "malignancy")
COLUMNS = ["texture_error", "smoothness_error"]


def table(name: str, rows: int, shift: float, label: bool) -> Table:
    draw = np.random.default_rng(rows)
    header = ["extend_sid", "patient", *(["malignant"] if label else []), *COLUMNS]
    made = [
        [f"s{n}", f"p{n:03}", *(["1"] if label else []), f"{one + shift:.4f}", f"{other:.4f}"]
        for n, (one, other) in enumerate(draw.normal(1, 0.2, (rows, 2)))
    ]
    meta = {"match_id_name": "patient"} | ({"label_name": "malignant"} if label else {})
    namespace, _, name = name.partition(".")
    return Table(namespace, name, "dataframe", header, made, meta=meta)


@pytest.fixture
def dag(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "dags"))
    monkeypatch.delitem(sys.modules, "drift", raising=False)
    return import_module("drift").drift()


@pytest.fixture
def site(fake_flow: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> FakeFlow:
    connect(monkeypatch, fake_flow, "fate_default")
    monkeypatch.setenv("AIRFLOW__FATE__POLL_INTERVAL", "0.05")
    fake_flow.tables.add(table("arrivals.clinic", 140, 0, label=True))
    return fake_flow


def test_it_loads_compares_and_trains_only_after_that(dag: Any) -> None:
    after = {task.task_id: task.downstream_task_ids for task in dag.tasks}
    assert after == {
        "is_there_a_model": {"export_new_patients"},
        "export_new_patients": {"load"},
        "load": {"compare"},
        "compare": {"has_drifted"},
        "has_drifted": {"retrain"},
        "retrain": set(),
    }
    assert dag.get_task("retrain").trigger_dag_id == "train_when_tables_arrive"
    assert all(MODEL in task.inlets for task in dag.tasks), "a run by hand takes the newest model, too"


@pytest.mark.parametrize(("shift", "drifted"), [(0.0, False), (0.5, True)])
def test_a_model_is_trained_anew_if_a_column_has_drifted(
    dag: Any, site: FakeFlow, tmp_path: Path, shift: float, drifted: bool
) -> None:
    job = HeteroSecureBoost(guest=Party("9999", "arrivals.clinic"), hosts=[Party("10000", "arrivals.laboratory")])
    trained = Task(
        lambda: FateJobOperator(task_id="train", job=job, check_tables=False), FakeTaskInstance(task_id="train")
    ).run()
    site.tables.add(table("drift.clinic_20260103", 60, shift, label=False))
    operator = dag.get_task("compare")
    operator.current = {"table": "drift.clinic_20260103", "count": 60}  # what the upload gives back
    event = SimpleNamespace(timestamp=1, extra={"job_id": trained["job_id"]})
    run = SimpleNamespace(logical_date=None, run_after=datetime(2026, 1, 3, tzinfo=UTC), conf={})
    known = {"inlet_events": {MODEL: [event]}, "macros": MACROS, "dag_run": run}

    found = Task(lambda: operator, FakeTaskInstance(task_id="compare"), templates=known).run()

    assert found["drifted_columns"] == (["texture_error"] if drifted else [])
    assert found["report"] == str(tmp_path / "fate_examples" / "drift" / "clinic_20260103" / "report.json")
    assert Path(found["report_text"]).read_text().startswith(f"# Drift: {'drifted' if drifted else 'stable'}")
    assert dag.get_task("has_drifted").python_callable(found) is drifted
