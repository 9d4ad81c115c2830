"""From a training on a real FATE to an endpoint: every row that a client asks for has FATE's own score."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.operators.download import FateDownloadOperator
from airflow_provider_fate.operators.model_convert import FateModelConvertOperator
from airflow_provider_fate.operators.model_export import FateModelExportOperator
from airflow_provider_fate.operators.model_register import FateModelRegisterOperator
from airflow_provider_fate.operators.predict import FatePredictOperator
from airflow_provider_fate.operators.service_check import FateServiceCheckOperator
from airflow_provider_fate.operators.serving import FateServeOperator
from tests.integration.conftest import Prepared, asked_for
from tests.integration.test_recipes import GUEST, HOST, RECIPES, wait, write_tables
from tests.support.fate import RunningFate
from tests.support.serving import LocalServing, ask
from tests.support.task import FakeTaskInstance, Task

pytestmark = [pytest.mark.fate, pytest.mark.timeout(1800)]
PATIENCE = 1200
NAMES = ("homo_lr", "homo_nn")


@pytest.fixture(scope="module")
def flow(fate_full: RunningFate) -> Iterator[FlowClient]:
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as client:
        yield client


@pytest.fixture(scope="module")
def north(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = write_tables(tmp_path_factory.mktemp("tables"))
    prepared.tables({name: files[name] for name in ("north", "south")})
    return files["north"][0]


@pytest.fixture(scope="module")
def jobs(request: pytest.FixtureRequest, prepared: Prepared, north: Path) -> dict[str, str]:
    """The trainings that other tests of recipes use, too."""
    return prepared.jobs({name: RECIPES[name] for name in NAMES}, asked_for(request))


@pytest.mark.parametrize("name", NAMES)
def test_every_row_over_http_has_the_score_of_fates_predict_job(
    name: str,
    jobs: dict[str, str],
    flow: FlowClient,
    north: Path,
    fate_full: RunningFate,
    serving: LocalServing,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection = {
        "conn_type": "fate",
        "host": fate_full.host,
        "port": fate_full.port,
        "extra": {"party_id": GUEST, "role": "guest"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_FATE_DEFAULT", json.dumps(connection))
    assert wait(flow, jobs[name], time.monotonic() + PATIENCE) == "success"

    def run(kind: type[Any], **arguments: Any) -> Any:
        ti = FakeTaskInstance(name, task_id=kind.__name__)
        return Task(lambda: kind(task_id=kind.__name__, **arguments), ti).run(PATIENCE)

    tables = {GUEST: "recipes.north", HOST: "recipes.south"}
    scored = run(FatePredictOperator, model=jobs[name], tables=tables)
    scores = run(FateDownloadOperator, table=scored["table"], target=str(tmp_path / "scores.csv"))
    export = run(FateModelExportOperator, model=jobs[name], target=str(tmp_path / "model"))
    convert = run(FateModelConvertOperator, packages=export, rows=str(north), scores=scores)
    registry = str(tmp_path / "registry")
    register = run(FateModelRegisterOperator, model=convert, name="m", registry=registry, alias="champion")
    model = {"registry": registry, "name": "m", "alias": "champion"}
    service = name.replace("_", "-")
    serve = run(FateServeOperator, service=service, model=model, backend=serving.place)
    assert serve["version"] == str(register["version"])

    check = run(
        FateServiceCheckOperator, service=service, rows=str(north), scores=scores, backend=serving.place, batch=7
    )

    with north.open() as file:
        people = {row["id"]: row for row in csv.DictReader(file)}
    assert check["rows"] == len(people)
    assert check["largest_difference"] <= 1e-5
    with Path(scores["target"]).open() as file:
        fates = {row["id"]: float(row["predict_score"]) for row in csv.DictReader(file)}
    who, row = next(iter(people.items()))
    told = ask(serve["url"], {column: float(row[column]) for column in "abcd"})
    assert told["outputs"][0]["data"] == pytest.approx([fates[who]], abs=1e-5)
    assert told["model_version"] == serve["version"]
