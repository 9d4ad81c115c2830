"""Uploads start the DAG that waits for their tables: on a real Airflow whose scheduler starts runs by itself."""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient
from dev.localairflow import AirflowApi, AirflowApiError, LocalAirflow, Postgres
from dev.postgres import LocalPostgres
from tests.e2e.conftest import ROOT, explain
from tests.support.fate import RunningFate

pytestmark = [pytest.mark.airflow, pytest.mark.fate, pytest.mark.slow, pytest.mark.timeout(1800)]

PRODUCER, CONSUMER, SCORER, DRIFT = "tables_arrive", "train_when_tables_arrive", "batch_scoring", "drift"
RETRAINER, CHAMPIONS = "retrain_and_promote", "score_with_champion"
DAGS = (CONSUMER, SCORER, DRIFT, RETRAINER, CHAMPIONS)
CLINIC, LABORATORY = "fate://9999/tables/arrivals/clinic", "fate://10000/tables/arrivals/laboratory"
MODEL = "fate://9999/models/malignancy"
SETTLE = 10
"""Seconds until the scheduler knows that a task waits. One that is answered before it takes for lost and asks again."""


@pytest.fixture(scope="module")
def airflow_by_itself(
    fate_full: RunningFate, postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalAirflow]:
    """An Airflow with the DAGs of the example and nothing else, which starts runs as their schedules say."""
    dags = tmp_path_factory.mktemp("asset-dags")
    files = [f"{name}.py" for name in ("example_tables", "example_models", *DAGS)]
    for name in (*files, ".airflowignore"):
        shutil.copy(ROOT / "dags" / name, dags)
    env = {"AIRFLOW_CONN_FATE_DEFAULT": fate_full.airflow_connection}
    home: Path = tmp_path_factory.mktemp("airflow-by-itself")
    with LocalAirflow(home, dags, database=Postgres(postgres, "assets"), env=env) as running:
        yield running


def newest_run(api: AirflowApi, dag_id: str, timeout: float, run_type: str = "scheduled") -> dict[str, Any]:
    """Wait until a DAG has a run of a type."""
    end = time.monotonic() + timeout
    while not (runs := [run for run in api.runs(dag_id) if run["run_type"] == run_type]):
        assert time.monotonic() < end, f"{dag_id} has not been started within {timeout:.0f} s"
        time.sleep(1)
    return runs[0]


def events(api: AirflowApi) -> dict[str, dict[str, Any]]:
    """What the newest event of each asset says."""
    found = api.request("GET", "/assets/events", limit=100, order_by="timestamp")["asset_events"]
    return {event["uri"]: event["extra"] for event in found}


def tables_read(flow: FlowClient, job_id: str) -> dict[str, str]:
    """The table that each role of a job reads."""
    view = flow.job.data_view(job_id, "guest", "9999").data_view
    return {
        role: f"{table['namespace']}.{table['name']}"
        for role, parties in view.items()
        for tables in parties.values()
        for table in tables
    }


def test_a_run_by_hand_before_anything_has_come_ends_without_doing_anything(airflow_by_itself: LocalAirflow) -> None:
    api = airflow_by_itself.api
    run = api.trigger(CONSUMER)

    assert api.wait(CONSUMER, run, timeout=300) == "success", explain(api, CONSUMER, run)

    states = {task.task_id: task.state for task in api.tasks(CONSUMER, run)}
    assert states.pop("has_anything_arrived") == "success"
    assert set(states.values()) == {"skipped"}


def test_two_uploads_start_the_training_on_their_tables(airflow_by_itself: LocalAirflow, flow: FlowClient) -> None:
    api = airflow_by_itself.api
    api.unpause(CONSUMER)  # a DAG that is paused while an event comes misses it
    api.unpause(PRODUCER)

    loading = newest_run(api, PRODUCER, 120)["dag_run_id"]
    assert api.wait(PRODUCER, loading, timeout=600) == "success", explain(api, PRODUCER, loading)
    run = newest_run(api, CONSUMER, 120, run_type="asset_triggered")
    assert api.wait(CONSUMER, run["dag_run_id"], timeout=900) == "success", explain(api, CONSUMER, run["dag_run_id"])

    loaded = {
        role: api.xcom(PRODUCER, loading, f"load_{name}")
        for role, name in (("guest", "clinic"), ("host", "laboratory"))
    }
    names = {role: f"{table['namespace']}.{table['name']}" for role, table in loaded.items()}
    trained = api.xcom(CONSUMER, run["dag_run_id"], "train")
    assert tables_read(flow, trained["job_id"]) == names
    told = events(api)
    assert (told[CLINIC]["table"], told[CLINIC]["rows"]) == (names["guest"], loaded["guest"]["count"])
    assert (told[LABORATORY]["table"], told[LABORATORY]["party_id"]) == (names["host"], "10000")
    assert told[MODEL]["job_id"] == trained["job_id"]
    assert told[MODEL]["metrics"]["auc"] == trained["metrics"]["auc"]
    assert api.xcom(CONSUMER, run["dag_run_id"], "report")["rows"][CLINIC] == loaded["guest"]["count"]

    by_hand = api.trigger(CONSUMER)  # no event has started this run: it reads the newest that there are
    api.wait_task(CONSUMER, by_hand, "overlap", frozenset({"success"}), timeout=300)

    assert tables_read(flow, api.xcom(CONSUMER, by_hand, "overlap")["job_id"]) == names
    api.mark_run(CONSUMER, by_hand, "failed")

    api.unpause(SCORER)
    api.unpause(DRIFT)
    scoring = newest_run(api, SCORER, 120)["dag_run_id"]
    assert api.wait(SCORER, scoring, timeout=900) == "success", explain(api, SCORER, scoring)

    scored, written = (api.xcom(SCORER, scoring, task) for task in ("score", "report"))
    assert scored["trained_by"] == trained["job_id"], "the newest model has scored"
    assert written["rows"] == scored["overlap"] == scored["rows"] > 20
    rows = list(csv.DictReader(Path(written["target"]).read_text().splitlines()))
    assert len(rows) == written["rows"]
    assert all(0 <= float(row["predict_score"]) <= 1 and row["patient"].startswith("p") for row in rows)
    comparing = newest_run(api, DRIFT, 120)["dag_run_id"]
    assert api.wait(DRIFT, comparing, timeout=600) == "success", explain(api, DRIFT, comparing)

    compared = api.xcom(DRIFT, comparing, "compare")
    assert compared["reference"] == f"table {names['guest']}", "the table that the newest model was trained on"
    assert compared["drifted"] is False
    assert Path(compared["report"]).exists()
    assert {task.task_id: task.state for task in api.tasks(DRIFT, comparing)}["retrain"] == "skipped"


def question(api: AirflowApi, run: str, timeout: float) -> dict[str, Any]:
    """What the approval asks, once it does."""
    end = time.monotonic() + timeout
    while True:
        try:
            asked = dict(api.request("GET", f"/dags/{RETRAINER}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"))
            time.sleep(SETTLE)
            return asked
        except AirflowApiError as error:
            if error.status != 404:  # nothing is asked yet
                raise
        assert api.run_state(RETRAINER, run) not in ("success", "failed"), explain(api, RETRAINER, run)
        assert time.monotonic() < end, explain(api, RETRAINER, run)
        time.sleep(1)


def approve(api: AirflowApi, run: str, note: str) -> None:
    place = f"/dags/{RETRAINER}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"
    api.request("PATCH", place, {"chosen_options": ["Approve"], "params_input": {"note": note}})


@pytest.mark.thorough
def test_a_champion_that_a_person_approves_starts_the_scoring(airflow_by_itself: LocalAirflow) -> None:
    api = airflow_by_itself.api
    api.unpause(CHAMPIONS)
    api.unpause(RETRAINER)
    run = newest_run(api, RETRAINER, 120)["dag_run_id"]

    asked = question(api, run, timeout=900)
    assert "**The gate is passed.**" in asked["body"]
    assert "# Model " in asked["body"]
    approve(api, run, "looks right")
    assert api.wait(RETRAINER, run, timeout=300) == "success", explain(api, RETRAINER, run)

    states = {task.task_id: task.state for task in api.tasks(RETRAINER, run)}
    assert states["score_champion"] == "skipped", "there was none"
    verdict, promoted = (api.xcom(RETRAINER, run, task) for task in ("gate", "promote"))
    assert (verdict["passed"], verdict["first"]) == (True, True)
    assert (promoted["version"], promoted["alias"], promoted["previous"]) == (1, "champion", None)
    assert promoted["tags"]["approved_by"] == "admin"
    scoring = newest_run(api, CHAMPIONS, 120, run_type="asset_triggered")["dag_run_id"]
    assert api.wait(CHAMPIONS, scoring, timeout=900) == "success", explain(api, CHAMPIONS, scoring)
    scored, written = (api.xcom(CHAMPIONS, scoring, task) for task in ("score", "write_scores"))
    assert scored["registered"] == {"name": promoted["name"], "version": 1}
    assert scored["trained_by"] == promoted["job_id"]
    assert len(Path(written["target"]).read_text().splitlines()) == scored["rows"] + 1


@pytest.mark.thorough
def test_the_next_model_is_compared_with_the_champion(airflow_by_itself: LocalAirflow) -> None:
    api = airflow_by_itself.api
    run = api.trigger(RETRAINER)

    asked = question(api, run, timeout=900)
    assert "champion" in asked["body"]
    approve(api, run, "as good")
    assert api.wait(RETRAINER, run, timeout=300) == "success", explain(api, RETRAINER, run)

    verdict, promoted = (api.xcom(RETRAINER, run, task) for task in ("gate", "promote"))
    assert verdict["passed"]
    assert not verdict["first"]
    assert (promoted["version"], promoted["previous"]) == (2, 1)
