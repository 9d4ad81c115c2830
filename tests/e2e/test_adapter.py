"""The whole way of an adapter, with nothing but real servers: two hospitals tune it, a person approves, it answers.

FATE with FATE-LLM, Airflow, and the chat server on this machine; the DAG is that of `dags/`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.local.paths import SERVICES_ENV
from dev.localairflow import AirflowApi, AirflowApiError, LocalAirflow, Postgres
from dev.postgres import LocalPostgres
from tests.e2e.conftest import ROOT, explain
from tests.support.evidence import watch
from tests.support.fate import RunningFate

pytestmark = [
    *(pytest.mark.airflow, pytest.mark.fate, pytest.mark.slow, pytest.mark.thorough),
    pytest.mark.timeout(3000),
]

DAG = "hospitals_adapter"
PATIENCE = 1500
SETTLE = 10
"""Seconds until the scheduler knows that a task waits. One that is answered before it takes for lost and asks again."""


@pytest.fixture(scope="module")
def api(
    fate_llm: RunningFate, postgres: LocalPostgres, services: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowApi]:
    """An Airflow with this DAG, beside a FATE with FATE-LLM."""
    dags = tmp_path_factory.mktemp("adapter-dags")
    for name in ("example_notes.py", f"{DAG}.py", ".airflowignore"):
        shutil.copy(ROOT / "dags" / name, dags)
    env = {"AIRFLOW_CONN_FATE_DEFAULT": fate_llm.airflow_connection, SERVICES_ENV: str(services)}
    home: Path = tmp_path_factory.mktemp("airflow-adapter")
    watch("Airflow", home / "logs")
    with LocalAirflow(home, dags, database=Postgres(postgres, "adapter_airflow"), env=env) as running:
        assert running.api.import_errors() == {}
        yield running.api


def question(api: AirflowApi, run: str) -> dict[str, Any]:
    """What the approval asks, once it does."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            asked = dict(api.request("GET", f"/dags/{DAG}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"))
            time.sleep(SETTLE)
            return asked
        except AirflowApiError as error:
            if error.status != 404:  # nothing is asked yet
                raise
        assert api.run_state(DAG, run) not in ("success", "failed"), explain(api, DAG, run)
        assert time.monotonic() < end, explain(api, DAG, run)
        time.sleep(1)


@pytest.fixture(scope="module")
def told(api: AirflowApi) -> dict[str, Any]:
    """What the tasks of an approved run have given back, and what the person was asked."""
    api.unpause(DAG)
    run = api.trigger(DAG)
    asked = question(api, run)
    there = [task for task in api.tasks(DAG, run) if task.task_id == "register" and task.state == "success"]
    assert there == [], "nothing is registered before somebody has approved"
    api.request(
        "PATCH",
        f"/dags/{DAG}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails",
        {"chosen_options": ["Approve"], "params_input": {"note": "seen by both hospitals"}},
    )
    assert api.wait(DAG, run, timeout=PATIENCE) == "success", explain(api, DAG, run)
    names = ("texts_north", "texts_south", "tune", "adapter", "evaluate", "gate", "register", "serve", "ask")
    return {"asked": asked, **{name: api.xcom(DAG, run, name) for name in names}}


def test_the_texts_of_each_hospital_are_bound_and_the_same_rows_are_held_out(told: dict[str, Any]) -> None:
    north, south = told["texts_north"], told["texts_south"]
    assert (north["rows"], south["rows"]) == (96, 96)
    assert north["sha256"] != south["sha256"]
    assert (north["held_out_rows"], south["held_out_rows"]) == (24, 24)
    assert north["tokens"]["longest"] <= 64


def test_the_adapter_is_better_than_the_base_model_on_rows_that_nobody_has_learned(told: dict[str, Any]) -> None:
    metrics = told["evaluate"]["metrics"]
    assert metrics["perplexity"] < metrics["perplexity_base"]
    assert metrics["exact_match"] > 0.5 > metrics["exact_match_base"]
    assert told["gate"]["passed"]


def test_a_person_sees_card_and_verdict(told: dict[str, Any]) -> None:
    body = told["asked"]["body"]
    assert "**The gate is passed.**" in body
    assert "perplexity" in body


def test_what_answers_is_what_was_judged_and_registered(told: dict[str, Any]) -> None:
    sha256 = told["adapter"]["adapter_sha256"]
    assert told["evaluate"]["adapter_sha256"] == sha256
    assert told["serve"]["adapters"] == {"wards": sha256}
    assert told["register"]["version"] == 1
    assert told["register"]["job_id"] == told["tune"]["job_id"]
    assert told["ask"]["agreement"] >= 0.9
    assert all("A matter of" in answer for answer in told["ask"]["answers"])
