"""The whole way of a model, with nothing but real servers: FATE, Airflow, an S3 server, MLflow and PostgreSQL.

Train, export, make ONNX, judge, approve over Airflow's REST API, register in MLflow, promote; the alias starts the
scoring, and the scores land in a database. The DAGs are those of `dags/`.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.clients.http import LoginSettings
from airflow_provider_fate.clients.mlflow import MlflowClient
from dev.localairflow import AirflowApi, AirflowApiError, LocalAirflow, Postgres
from dev.mlflow import LocalMlflow
from dev.postgres import LocalPostgres
from tests.e2e.conftest import ROOT, explain
from tests.support.evidence import watch
from tests.support.fate import RunningFate
from tests.support.s3 import RunningS3

pytestmark = [
    *(pytest.mark.airflow, pytest.mark.fate, pytest.mark.slow, pytest.mark.thorough),
    pytest.mark.timeout(3000),
]

CHAMPION, SCORES = "hospitals_champion", "hospitals_scores"
BUCKET, NAME, FOLDER = "models", "malignancy_of_both_hospitals", "hospitals"
PATIENCE = 1200
SETTLE = 10
"""Seconds until the scheduler knows that a task waits. One that is answered before it takes for lost and asks again."""


@dataclass(frozen=True)
class Place:
    """All that runs."""

    api: AirflowApi
    s3: RunningS3
    mlflow: LocalMlflow
    postgres: LocalPostgres

    def client(self) -> MlflowClient:
        return MlflowClient(LoginSettings("127.0.0.1", self.mlflow.port))

    def rows(self, query: str) -> list[list[str]]:
        told = self.postgres.run("psql", "-At", "-F", "\t", "-c", query, "loop_warehouse")
        return [line.split("\t") for line in told.splitlines()]


@pytest.fixture(scope="module")
def mlflow(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalMlflow]:
    """An MLflow with a database on PostgreSQL."""
    postgres.create_database("loop_mlflow")
    database = postgres.url_of("loop_mlflow", "postgresql+psycopg2")
    with LocalMlflow(tmp_path_factory.mktemp("mlflow"), database) as server:
        yield server


@pytest.fixture(scope="module")
def place(
    fate_full: RunningFate,
    s3_server: RunningS3,
    mlflow: LocalMlflow,
    postgres: LocalPostgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    postgres.create_database("loop_warehouse")
    s3_server.client.create_bucket(Bucket=BUCKET)
    dags = tmp_path_factory.mktemp("loop-dags")
    for name in ("example_tables", "example_hospitals", CHAMPION, SCORES):
        shutil.copy(ROOT / "dags" / f"{name}.py", dags)
    shutil.copy(ROOT / "dags" / ".airflowignore", dags)
    env = {
        "AIRFLOW_CONN_FATE_DEFAULT": fate_full.airflow_connection,
        "AIRFLOW_CONN_AWS_DEFAULT": s3_server.connection_json(),
        "AIRFLOW_CONN_MLFLOW_DEFAULT": json.dumps(mlflow.connection),
        "AIRFLOW_CONN_WAREHOUSE": postgres.url_of("loop_warehouse", "postgres"),
    }
    home: Path = tmp_path_factory.mktemp("airflow-loop")
    watch("Airflow", home / "logs")
    with LocalAirflow(home, dags, database=Postgres(postgres, "loop_airflow"), env=env) as running:
        assert running.api.import_errors() == {}
        yield Place(running.api, s3_server, mlflow, postgres)


def question(api: AirflowApi, run: str) -> dict[str, Any]:
    """What the approval asks, once it does."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            asked = dict(api.request("GET", f"/dags/{CHAMPION}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"))
            time.sleep(SETTLE)
            return asked
        except AirflowApiError as error:
            if error.status != 404:  # nothing is asked yet
                raise
        assert api.run_state(CHAMPION, run) not in ("success", "failed"), explain(api, CHAMPION, run)
        assert time.monotonic() < end, explain(api, CHAMPION, run)
        time.sleep(1)


def approve(api: AirflowApi, run: str, note: str) -> None:
    api.request(
        "PATCH",
        f"/dags/{CHAMPION}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails",
        {"chosen_options": ["Approve"], "params_input": {"note": note}},
    )


def asset_run(api: AirflowApi) -> str:
    end = time.monotonic() + 180
    while not (runs := [run for run in api.runs(SCORES) if run["run_type"] == "asset_triggered"]):
        assert time.monotonic() < end, "the alias has started no scoring"
        time.sleep(1)
    return str(runs[0]["dag_run_id"])


@pytest.fixture(scope="module")
def first(place: Place) -> dict[str, Any]:
    """The first model, approved; what the tasks of its run have given back."""
    api = place.api
    api.unpause(SCORES)  # a DAG that is paused while an event comes misses it
    api.unpause(CHAMPION)
    run = api.trigger(CHAMPION, {"wrong_labels": 0.0})
    asked = question(api, run)
    assert "**The gate is passed.**" in asked["body"]
    assert "# Model " in asked["body"]
    with place.client() as mlflow:
        assert mlflow.models.get(NAME) is None, "nothing is registered before somebody has approved"
    approve(api, run, "seen by both hospitals")
    assert api.wait(CHAMPION, run, timeout=300) == "success", explain(api, CHAMPION, run)
    names = ("train", "convert", "gate", "approve", "register", "promote")
    return {name: api.xcom(CHAMPION, run, name) for name in names}


def test_the_graph_gives_the_scores_of_fate(first: dict[str, Any]) -> None:
    converted = first["convert"]
    assert converted["largest_difference"] < 1e-5
    assert converted["rows"] >= 50
    assert len(converted["inputs"]) == 5


def test_what_was_approved_is_the_champion_of_mlflow_with_all_that_belongs_to_it(
    place: Place, first: dict[str, Any]
) -> None:
    promoted = first["promote"]
    assert first["gate"]["first"] is True
    assert (promoted["version"], promoted["previous"]) == (1, None)
    with place.client() as mlflow:
        model = mlflow.models.get(NAME)
        assert model is not None
        assert model.aliases == {"champion": 1}
        version = mlflow.models.version(NAME, 1)
        assert version is not None
        assert version.tags["approved_by"] == "admin"
        files = {file.rpartition("/")[2] for file in mlflow.artifacts.names(version.run_id, "model")}
        assert {"model.zip", "model.onnx", "MLmodel", "card.json", "card.md", "metrics.json"} <= files
        run = mlflow.runs.get(version.run_id)
        assert run is not None
        assert run.metrics["auc"] == pytest.approx(first["train"]["metrics"]["auc"])
        assert run.params["fate.job_id"] == first["train"]["job_id"]


def test_package_graph_and_card_lie_on_the_object_store(place: Place, first: dict[str, Any]) -> None:
    folder = f"{FOLDER}/"
    keys = place.s3.keys(BUCKET, folder)
    own = {key.rpartition("/")[2] for key in keys if f"/{first['train']['job_id']}/" in key}
    assert {"model.zip", "model.onnx", "card.json", "card.md", "scores.csv", "metrics.json"} <= own
    assert place.s3.uploads(BUCKET) == []
    card = next(key for key in keys if key.endswith(f"{first['train']['job_id']}/card.json"))
    told = json.loads(place.s3.client.get_object(Bucket=BUCKET, Key=card)["Body"].read())
    assert told["approval"]["note"] == "seen by both hospitals"
    assert told["conversion"]["largest_difference"] == first["convert"]["largest_difference"]


def test_the_alias_starts_the_scoring_and_the_scores_land_in_the_database(place: Place, first: dict[str, Any]) -> None:
    api = place.api
    run = asset_run(api)
    assert api.wait(SCORES, run, timeout=PATIENCE) == "success", explain(api, SCORES, run)
    scored = api.xcom(SCORES, run, "score")
    assert scored["registered"] == {"name": NAME, "version": 1}
    assert scored["trained_by"] == first["train"]["job_id"]
    tables = place.rows("SELECT tablename FROM pg_tables WHERE tablename LIKE 'malignancy_%'")
    assert len(tables) == 1
    rows = place.rows(f"SELECT patient, predict_score FROM {tables[0][0]}")
    assert len(rows) == scored["rows"] > 50
    assert all(0 <= float(score) <= 1 for _, score in rows)
    assert len({score for _, score in rows}) > 10


def test_a_worse_challenger_is_stopped_and_the_champion_stays(place: Place, first: dict[str, Any]) -> None:
    api = place.api
    run = api.trigger(CHAMPION, {"wrong_labels": 0.9})
    assert api.wait(CHAMPION, run, timeout=PATIENCE) == "failed"
    states = {task.task_id: task.state for task in api.tasks(CHAMPION, run)}
    assert {name: states[name] for name in ("score_champion", "convert", "gate", "approve", "register", "promote")} == {
        "score_champion": "success",
        "convert": "success",
        "gate": "failed",
        "approve": "upstream_failed",
        "register": "upstream_failed",
        "promote": "upstream_failed",
    }
    verdict = api.xcom(CHAMPION, run, "gate")
    assert (verdict["passed"], verdict["comparison"]["standing"]) == (False, "worse")
    with place.client() as mlflow:
        model = mlflow.models.get(NAME)
        assert model is not None
        assert model.aliases == {"champion": 1}
        assert mlflow.models.version(NAME, 2) is None
    assert len([one for one in api.runs(SCORES) if one["run_type"] == "asset_triggered"]) == 1
