"""The registry in a real MLflow: its own process, environment and database."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.clients.http import LoginSettings
from airflow_provider_fate.clients.mlflow import MetricPoint, MlflowClient
from airflow_provider_fate.models.registry.mlflow import MlflowRegistry
from airflow_provider_fate.operators.model_register import FateModelAliasOperator, FateModelRegisterOperator
from dev.mlflow import LocalMlflow, MlflowEnvironment
from dev.postgres import LocalPostgres
from tests.support.mlflow_contract import MlflowContract
from tests.support.registry_contract import Open, Packages, RegistryContract
from tests.support.sweep_contract import SweepContract
from tests.support.task import FakeTaskInstance, Task

pytestmark = pytest.mark.timeout(600)


def client(server: LocalMlflow) -> MlflowClient:
    return MlflowClient(LoginSettings("127.0.0.1", server.port))


def run(operator: Any) -> Any:
    return Task(lambda: operator, FakeTaskInstance("nightly")).run()


def test_a_model_becomes_the_champion_of_a_real_mlflow(
    mlflow_server: LocalMlflow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that the operators do, seen with MLflow's own eyes."""
    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW_TEST", json.dumps(mlflow_server.connection))
    packages, place = Packages(tmp_path), "mlflow://mlflow_test"
    told = []
    for number in (1, 2):
        model = packages(number).model_dump()
        arguments = {"model": model, "name": "credit_risk", "registry": place, "tags": {"country": "fr"}}
        told.append(run(FateModelRegisterOperator(task_id="register", **arguments)))
        again = run(FateModelRegisterOperator(task_id="register", **arguments))
        assert again == told[-1] | {"new": False}
        promote = FateModelAliasOperator(
            task_id="promote", name="credit_risk", alias="champion", version=told[-1], registry=place, reason="better"
        )
        assert run(promote)["previous"] == (None if number == 1 else 1)
    assert [one["version"] for one in told] == [1, 2]
    assert told[1]["registry_url"] == f"{mlflow_server.url}/#/models/credit_risk/versions/2"

    with client(mlflow_server) as mlflow:
        assert mlflow.server.version().startswith("3.")
        model_there = mlflow.models.get("credit_risk")
        assert model_there is not None
        assert model_there.aliases == {"champion": 2}
        version = mlflow.models.version("credit_risk", 2)
        assert version is not None
        assert version.tags["country"] == "fr"
        experiment = mlflow.experiments.find("credit_risk")
        assert experiment is not None
        runs = mlflow.runs.search([experiment.experiment_id], "attributes.status = 'FINISHED'")
        assert [one.metrics for one in runs] == [{"auc": 0.7}] * 2
        assert runs[1].params["sbt_0.tree.max_depth"] == "4"
        files = mlflow.artifacts.names(version.run_id, "model")
        assert files == ["model/card.json", "model/card.md", "model/model.zip"]
        mlflow.artifacts.download(runs[1], "model/model.zip", tmp_path / "back.zip")
        assert (tmp_path / "back.zip").read_bytes() == b"model 2"
        curve = [
            MetricPoint("loss", 1 / step if step else float("nan"), step=step, timestamp=1) for step in range(1500)
        ]
        assert mlflow.runs.log_metrics(runs[1].run_id, curve) == 1500
        again_run = mlflow.runs.get(runs[1].run_id)
        assert again_run is not None
        assert again_run.metrics["loss"] == pytest.approx(1 / 1499)


def test_the_test_button_says_what_it_found(mlflow_server: LocalMlflow, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_fate.hooks.mlflow import MlflowHook

    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW_TEST", json.dumps(mlflow_server.connection))
    good, said = MlflowHook("mlflow_test").test_connection()
    assert (good, said) == (True, f"MLflow 3.17.2 at {mlflow_server.url}, without credentials.")


class TestRealMlflow(MlflowContract):
    @pytest.fixture
    def client(self, mlflow_server: LocalMlflow) -> Iterator[MlflowClient]:
        with client(mlflow_server) as opened:
            yield opened


class TestSweepInRealMlflow(SweepContract):
    @pytest.fixture
    def client(self, mlflow_server: LocalMlflow) -> Iterator[MlflowClient]:
        with client(mlflow_server) as opened:
            yield opened


@pytest.mark.thorough
class TestMlflowOnAFile(RegistryContract):
    @pytest.fixture
    def open(self, mlflow_server: LocalMlflow) -> Open:
        return lambda: MlflowRegistry(client(mlflow_server))


@pytest.fixture(scope="module")
def on_postgres(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalMlflow]:
    postgres.create_database("mlflow")
    database = postgres.url_of("mlflow", "postgresql+psycopg2")
    with LocalMlflow(tmp_path_factory.mktemp("mlflow"), database) as server:
        yield server


@pytest.mark.thorough
class TestMlflowOnPostgreSQL(RegistryContract):
    """Here many really write at once."""

    @pytest.fixture
    def open(self, on_postgres: LocalMlflow) -> Open:
        return lambda: MlflowRegistry(client(on_postgres))


LOADED = """
import json, sys
import mlflow, numpy as np
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/onnx@champion")
columns = {"a": [[1.0], [2.0]], "b": [[10.0], [20.0]]}
print(json.dumps(model.predict({name: np.array(rows) for name, rows in columns.items()})["sum"].tolist()))
"""


@pytest.mark.thorough
def test_mlflow_itself_loads_the_champion_that_is_onnx(mlflow_server: LocalMlflow, tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 1]) for name in ("a", "b")]
    output = helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["rows", 1])
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["sum"])], "sum", inputs, [output])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(made, tmp_path / "sum.onnx")
    registry = MlflowRegistry(client(mlflow_server))
    registry.register("onnx", Packages(tmp_path)(1, onnx=str(tmp_path / "sum.onnx")))
    registry.move("onnx", "champion", 1)
    python = MlflowEnvironment(("onnx", "onnxruntime")).python()
    done = subprocess.run(
        [str(python), "-c", LOADED, mlflow_server.url], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[11.0], [22.0]]


KILLED = """
import os, sys
from airflow_provider_fate.clients.http import LoginSettings, SyncTransport
from airflow_provider_fate.clients.mlflow import MlflowClient
from airflow_provider_fate.models.registry import RegisteredModel
from airflow_provider_fate.models.registry.mlflow import MlflowRegistry
port, at, name, model = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
exchange, seen = SyncTransport._exchange, [0]
def dying(self, *arguments):
    answer = exchange(self, *arguments)
    seen[0] += 1
    if seen[0] == at:
        os.kill(os.getpid(), 9)
    return answer
SyncTransport._exchange = dying
registry = MlflowRegistry(MlflowClient(LoginSettings("127.0.0.1", port)))
version, new = registry.register(name, RegisteredModel.model_validate_json(model))
registry.move(name, "champion", version.version)
print("DONE", version.version)
"""


@pytest.mark.thorough
def test_a_kill_9_at_any_request_ends_with_one_version(mlflow_server: LocalMlflow, tmp_path: Path) -> None:
    model = Packages(tmp_path)(1).model_dump_json()

    def attempt(name: str, at: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", KILLED, str(mlflow_server.port), str(at), name, model]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    ended = 0
    for at in range(1, 100):
        name = f"killed_{at}"
        if attempt(name, at).returncode != -9:
            ended = at
            break
        done = attempt(name, 0)
        assert "DONE 1" in done.stdout, done.stderr
        registry = MlflowRegistry(client(mlflow_server))
        assert [version.version for version in registry.versions(name)] == [1]
        assert registry.aliases(name) == {"champion": 1}
        with client(mlflow_server) as mlflow:
            experiment = mlflow.experiments.find(name)
            assert experiment is not None
            assert len(mlflow.runs.search([experiment.experiment_id], "")) == 1
    assert ended > 15


@pytest.mark.thorough
def test_a_server_that_is_killed_in_the_midst_of_it_is_waited_for(tmp_path: Path) -> None:
    with LocalMlflow(tmp_path / "mlflow") as server:
        packages = Packages(tmp_path)
        settings = LoginSettings("127.0.0.1", server.port, retries=60, retry_wait=0.5)
        registry = MlflowRegistry(MlflowClient(settings))
        registry.register("credit_risk", packages(1))
        server.kill()
        later = threading.Timer(2.0, server.start)
        later.start()
        began = time.monotonic()
        version, new = registry.register("credit_risk", packages(2))
        later.join()
        assert (version.version, new) == (2, True)
        assert time.monotonic() - began > 2
