"""A model is registered once, whoever kills the task; and DAGs hear of the champion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_provider_fate.assets import model_asset
from airflow_provider_fate.errors import FateConnectionError
from airflow_provider_fate.links.registry import ModelRegistryLink
from airflow_provider_fate.models.card import CardModel, CardTraining, ModelCard
from airflow_provider_fate.models.registry import ModelRegistry
from airflow_provider_fate.operators.model_register import FateModelAliasOperator, FateModelRegisterOperator
from tests.support.fake_mlflow import FakeMlflow
from tests.support.json_server import FAILS
from tests.support.registry_contract import Packages
from tests.support.task import FakeTaskInstance, Task

NAME = "credit_risk"


def exported(folder: Path, number: int = 1) -> dict[str, Any]:
    """What an export gives back, with its card."""
    sha256 = f"{number:064x}"
    ids = {
        "job_id": f"20261127{number:013}",
        "model_id": "m",
        "model_version": "0",
        "role": "guest",
        "party_id": "9999",
    }
    training = CardTraining(started=None, ended=None, initiator=None, fate_version=None, schema_version=None)
    about = CardModel(**ids, package_sha256=sha256, content_sha256=sha256, size=1)
    card = ModelCard(
        model=about, parties=(), tables=(), tasks=(), metrics={"auc": 0.7}, training=training, not_seen=()
    )  # fmt: skip
    place = folder / f"card-{number}.json"
    place.write_text(card.to_json())
    return {**ids, "package": f"s3://m/{number}/model.zip", "sha256": sha256, "card": str(place), "tasks": ["sbt_0"]}


class Run(Task):
    """A task whose outlets take events."""

    events: OutletEventAccessors

    @property
    def context(self) -> Any:
        operator = self.make()
        self.events = getattr(self, "events", None) or OutletEventAccessors()
        return {**super().context, "outlet_events": self.events, "outlets": operator.outlets, "task": operator}


def register(folder: Path, model: Any, **arguments: Any) -> Run:
    given: dict[str, Any] = {"name": NAME, "registry": str(folder / "registry")} | arguments
    return Run(lambda: FateModelRegisterOperator(task_id="register", model=model, **given), FakeTaskInstance("nightly"))


def promote(folder: Path, version: Any, **arguments: Any) -> Run:
    given: dict[str, Any] = {"name": NAME, "alias": "champion", "registry": str(folder / "registry")} | arguments
    return Run(lambda: FateModelAliasOperator(task_id="promote", version=version, **given), FakeTaskInstance("nightly"))


def test_a_model_is_registered_with_its_metrics_and_its_run(tmp_path: Path) -> None:
    told = register(tmp_path, exported(tmp_path), tags={"country": "fr"}).run()
    assert (told["name"], told["version"], told["new"]) == (NAME, 1, True)
    assert (told["metrics"], told["tags"]) == ({"auc": 0.7}, {"country": "fr"})
    assert told["run"] == {"dag_id": "nightly", "run_id": "run", "task_id": "task"}
    again = register(tmp_path, exported(tmp_path)).run()
    assert again == told | {"new": False}, "a retry, or another DAG"


def test_the_champion_changes_and_who_waits_for_it_is_told(tmp_path: Path) -> None:
    asset = model_asset("9999", NAME)
    first = register(tmp_path, exported(tmp_path, 1), alias="challenger").run()
    second = register(tmp_path, exported(tmp_path, 2)).run()
    assert promote(tmp_path, first, expected=None).run()["previous"] is None
    task = promote(tmp_path, "2", expected="1", reason="AUC 0.71 against 0.70", outlets=[asset])
    told = task.run()
    assert (told["version"], told["previous"], told["alias"], told["job_id"]) == (2, 1, "champion", second["job_id"])
    event = task.events[asset]
    assert event.extra["job_id"] == second["job_id"], "FatePredictOperator takes the event"
    assert (event.extra["alias"], event.extra["version"], event.extra["previous"]) == ("champion", 2, 1)
    registry = ModelRegistry(str(tmp_path / "registry"))
    assert registry.aliases(NAME) == {"champion": 2, "challenger": 1}
    assert registry.history(NAME, "champion")[-1].reason == "AUC 0.71 against 0.70"


def test_who_compared_with_an_older_champion_fails_and_is_not_retried(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        register(tmp_path, exported(tmp_path, number)).run()
    promote(tmp_path, 1).run()
    promote(tmp_path, 2, expected={"version": 1}).run()
    with pytest.raises(AirflowFailException, match="points at version 2 and not at version 1, moved by nightly/run"):
        promote(tmp_path, 3, expected=1).run()
    assert promote(tmp_path, None).run() == {"name": NAME, "alias": "champion", "version": None, "previous": 2}


def test_a_card_of_another_package_is_found_out(tmp_path: Path) -> None:
    model = exported(tmp_path, 1) | {"sha256": f"{2:064x}"}
    with pytest.raises(AirflowFailException, match="describes another package"):
        register(tmp_path, model).run()
    assert ModelRegistry(str(tmp_path / "registry")).names() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model": "s3://m/model.zip"}, "is not the result of an export"),
        ({"model": {"package": "x", "sha256": "12"}}, "sha256"),
        ({"name": "a/b"}, "name='a/b' is not a name"),
        ({"alias": "the best"}, "alias='the best' is not a name"),
        ({"registry": ""}, "registry is empty"),
        ({"registry": "s3://key:secret@bucket/r"}, "has a password in it"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_registered(tmp_path: Path, arguments: Any, said: str) -> None:
    given = {"model": exported(tmp_path)} | arguments
    with pytest.raises(AirflowFailException, match=said):
        register(tmp_path, **given).run()
    assert ModelRegistry(str(tmp_path / "registry")).names() == []


@pytest.mark.parametrize(
    ("version", "said"), [(0, "version=0 is not a version"), ("best", "version='best'"), (7, "has no version 7")]
)
def test_an_alias_needs_a_version(tmp_path: Path, version: Any, said: str) -> None:
    register(tmp_path, exported(tmp_path)).run()
    with pytest.raises(AirflowFailException, match=said):
        promote(tmp_path, version).run()


# -- registries on servers ---------------------------------------------------------------------------------------------


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMlflow]:
    with FakeMlflow() as fake:
        connection = {"conn_type": "fate_mlflow", "host": "127.0.0.1", "port": fake.port}
        monkeypatch.setenv("AIRFLOW_CONN_MLFLOW_TEST", json.dumps(connection))
        yield fake


def test_mlflow_is_named_by_its_connection(tmp_path: Path, mlflow: FakeMlflow) -> None:
    asset, model = model_asset("9999", NAME), Packages(tmp_path)(1).model_dump()
    page = f"http://127.0.0.1:{mlflow.port}/#/models/{NAME}/versions/1"
    task = register(tmp_path, model, registry="mlflow://mlflow_test", alias="challenger", outlets=[asset])
    told = task.run()
    assert (told["version"], told["new"], told["registry_url"]) == (1, True, page)
    assert task.events[asset].extra["registry_url"] == page
    assert task.ti.xcoms[ModelRegistryLink().xcom_key] == page
    assert task.ti.xcoms["model_registry_url"] == page
    told = promote(tmp_path, told, registry="mlflow://mlflow_test").run()
    assert (told["version"], told["alias"], told["registry_url"]) == (1, "champion", page)
    assert mlflow.models[NAME]["aliases"] == {"challenger": 1, "champion": 1}
    [run] = mlflow.runs.values()
    assert run["tags"]["airflow.dag_id"] == "nightly"


def test_a_run_leads_back_to_airflow(tmp_path: Path, mlflow: FakeMlflow) -> None:
    task = register(tmp_path, Packages(tmp_path)(1).model_dump(), registry="mlflow://mlflow_test")
    task.ti.log_url = "http://airflow/dags/nightly/runs/run/tasks/task"  # type: ignore[attr-defined]
    assert task.run()["run"]["url"] == "http://airflow/dags/nightly/runs/run/tasks/task"
    [run] = mlflow.runs.values()
    assert run["tags"]["airflow.url"] == "http://airflow/dags/nightly/runs/run/tasks/task"


def test_a_refusal_is_not_retried_and_a_failure_is(tmp_path: Path, mlflow: FakeMlflow) -> None:
    task = register(tmp_path, Packages(tmp_path)(1).model_dump(), registry="mlflow://mlflow_test")
    mlflow.token = "s3cret"
    with pytest.raises(AirflowFailException, match="MLflow refuses"):
        task.run()
    mlflow.token = None
    mlflow.faults = dict.fromkeys(range(1, 100), FAILS)
    with pytest.raises(FateConnectionError):
        task.run()
    mlflow.faults = {}
    assert task.run()["version"] == 1


def test_a_folder_has_no_page(tmp_path: Path) -> None:
    task = register(tmp_path, exported(tmp_path))
    assert "registry_url" not in task.run()
    assert task.ti.xcoms == {}


def test_metrics_of_another_job_are_refused(tmp_path: Path) -> None:
    model = exported(tmp_path)
    measured = {"job_id": model["job_id"], "json": "s3://m/metrics.json"}
    assert register(tmp_path, model, measured=measured).run()["measured"] == "s3://m/metrics.json"
    with pytest.raises(AirflowFailException, match="measured is of job 7, and the model was trained by job 2026"):
        register(tmp_path, exported(tmp_path, 2), measured=measured | {"job_id": "7"}).run()
    with pytest.raises(AirflowFailException, match="is not the result of a FateMetricsOperator"):
        register(tmp_path, exported(tmp_path, 3), measured={"job_id": "7"}).run()
