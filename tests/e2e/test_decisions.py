"""From scores to a registered model, with a person in between who answers through Airflow's REST API."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.models.card import ModelCard
from airflow_provider_fate.models.registry import ModelRegistry
from dev.localairflow import AirflowApi, AirflowApiError, LocalAirflow, Postgres
from dev.postgres import LocalPostgres
from tests.e2e.conftest import explain
from tests.support.scores import rows_of, write_card, write_csv

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]

DECIDE, IN_TIME, BRANCH = "e2e_decide", "e2e_decide_in_time", "e2e_branch"
PATIENCE = 180
SETTLE = 10
"""Seconds until the scheduler knows that a task waits. One that is answered before it takes for lost and asks again."""


@pytest.fixture(scope="module")
def deciding(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowApi]:
    """An Airflow without a FATE: nothing is trained."""
    dags = tmp_path_factory.mktemp("decision-dags")
    shutil.copy(Path(__file__).parent / "dags" / "decisions.py", dags)
    env = {"AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "2"}
    home = tmp_path_factory.mktemp("airflow-decides")
    with LocalAirflow(home, dags, database=Postgres(postgres, "decisions"), env=env) as running:
        yield running.api


class Given:
    """Files of scores, exported models, and a registry."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.good = write_csv(folder / "good.csv", rows_of(0.2))
        self.bad = write_csv(folder / "bad.csv", rows_of(3, draw=1))
        self.registry = ModelRegistry(str(folder / "registry"))

    def model(self, number: int) -> dict[str, Any]:
        return write_card(self.folder / str(number), number, auc=0.8)

    def conf(self, number: int, challenger: str, champion: str) -> dict[str, Any]:
        given = {"challenger": challenger, "champion": champion, "registry": str(self.folder / "registry")}
        return given | {"model": self.model(number)}

    def card(self, number: int) -> ModelCard:
        return ModelCard.model_validate_json((self.folder / str(number) / "card.json").read_bytes())

    def registered(self) -> list[str]:
        return [version.model.job_id for version in self.registry.versions("credit_risk")]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    return Given(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def runs(deciding: AirflowApi, given: Given) -> dict[str, str]:
    """All runs, which go on side by side."""
    return {
        "approved": deciding.trigger(DECIDE, given.conf(1, given.good, given.bad)),
        "rejected": deciding.trigger(DECIDE, given.conf(2, given.good, "")),
        "worse": deciding.trigger(DECIDE, given.conf(3, given.bad, given.good)),
        "late": deciding.trigger(IN_TIME, given.conf(4, given.good, given.bad)),
        "branched": deciding.trigger(BRANCH, {"auc": 0.7}),
    }


def question(api: AirflowApi, run: str) -> dict[str, Any]:
    """What Airflow asks, once it does."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            asked = dict(api.request("GET", f"/dags/{DECIDE}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"))
            time.sleep(SETTLE)
            return asked
        except AirflowApiError as error:
            if error.status != 404:  # nothing is asked yet
                raise
        assert time.monotonic() < end, explain(api, DECIDE, run)
        time.sleep(0.5)


def respond(api: AirflowApi, run: str, option: str, note: str) -> None:
    """Answer as a person does in the UI."""
    api.request(
        "PATCH",
        f"/dags/{DECIDE}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails",
        {"chosen_options": [option], "params_input": {"note": note}},
    )


def states(api: AirflowApi, dag_id: str, run: str) -> dict[str, str | None]:
    return {task.task_id: task.state for task in api.tasks(dag_id, run)}


def test_a_better_model_is_approved_and_registered_with_who_it_was(
    deciding: AirflowApi, given: Given, runs: dict[str, str]
) -> None:
    run = runs["approved"]
    asked = question(deciding, run)
    assert asked["options"] == ["Approve", "Reject"]
    for part in ("**The gate is passed.**", "the challenger is better", "# Model m1, version 0"):
        assert part in asked["body"]
    assert given.registered() == []

    respond(deciding, run, "Approve", "seen by the board")

    assert deciding.wait(DECIDE, run, PATIENCE, interval=0.5) == "success", explain(deciding, DECIDE, run)
    answer = deciding.xcom(DECIDE, run, "approve")
    assert (answer["approved"], answer["by"], answer["note"]) == (True, "admin", "seen by the board")
    (version,) = given.registry.versions("credit_risk")
    assert version.model.tags == {
        "approved_by": "admin",
        "approved_at": answer["at"],
        "approval_note": "seen by the board",
    }
    approval = given.card(1).approval
    assert approval is not None
    assert (approval.by, approval.note) == ("admin", "seen by the board")


def test_the_first_model_is_rejected_by_a_person(deciding: AirflowApi, given: Given, runs: dict[str, str]) -> None:
    run = runs["rejected"]
    assert "There is no champion to compare with" in question(deciding, run)["body"]

    respond(deciding, run, "Reject", "too few rows of the north")

    assert deciding.wait(DECIDE, run, PATIENCE, interval=0.5) == "success", explain(deciding, DECIDE, run)
    assert states(deciding, DECIDE, run)["register"] == "skipped"
    answer = deciding.xcom(DECIDE, run, "approve")
    assert (answer["approved"], answer["by"], answer["timed_out"]) == (False, "admin", False)
    assert given.card(2).approval is None


def test_a_worse_model_is_stopped_before_anybody_is_asked(
    deciding: AirflowApi, given: Given, runs: dict[str, str]
) -> None:
    run = runs["worse"]
    assert deciding.wait(DECIDE, run, PATIENCE, interval=0.5) == "failed"
    found = states(deciding, DECIDE, run)
    assert {name: found[name] for name in ("gate", "approve", "register")} == {
        "gate": "failed",
        "approve": "upstream_failed",
        "register": "upstream_failed",
    }
    verdict = deciding.xcom(DECIDE, run, "gate")
    assert (verdict["passed"], verdict["comparison"]["standing"]) == (False, "worse")
    assert "the challenger is worse" in deciding.log(DECIDE, run, "gate")


def test_a_model_about_which_nobody_decides_in_time_is_rejected(
    deciding: AirflowApi, given: Given, runs: dict[str, str]
) -> None:
    run = runs["late"]
    assert deciding.wait(IN_TIME, run, PATIENCE, interval=0.5) == "success", explain(deciding, IN_TIME, run)
    assert states(deciding, IN_TIME, run)["register"] == "skipped"
    answer = deciding.xcom(IN_TIME, run, "approve")
    assert (answer["approved"], answer["by"], answer["timed_out"]) == (False, None, True)
    assert given.card(4).approval is None


def test_a_decorated_gate_takes_the_other_branch(deciding: AirflowApi, runs: dict[str, str]) -> None:
    run = runs["branched"]
    assert deciding.wait(BRANCH, run, PATIENCE, interval=0.5) == "success", explain(deciding, BRANCH, run)
    assert states(deciding, BRANCH, run) == {"gate": "success", "go_on": "skipped", "train_again": "success"}
    assert deciding.xcom(BRANCH, run, "gate")["passed"] is False


def test_only_the_approved_model_is_registered(given: Given, runs: dict[str, str]) -> None:
    assert given.registered() == [given.card(1).model.job_id]
