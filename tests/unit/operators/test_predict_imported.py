"""New rows are scored at a site that has imported the model, and knows nothing of the job that has trained it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.jobs import HeteroSecureBoost, Scaling
from airflow_provider_fate.models.registry import ModelRegistry, RegisteredModel
from airflow_provider_fate.operators.model_export import FateModelExportOperator
from airflow_provider_fate.operators.model_import import FateModelImportOperator
from tests.support.fake_flow import FakeFlow
from tests.support.task import CONN_ID, Task
from tests.unit.operators.test_predict import COLUMNS, PARTIES, dataframe, refused, score, train

RECIPE = HeteroSecureBoost(**PARTIES, scaling=Scaling())


@pytest.fixture
def bank(site: FakeFlow) -> FakeFlow:
    for name in ("old.bank", "new.bank_20260101"):
        site.tables.add(dataframe(name))
    return site


@pytest.fixture
def exported(bank: FakeFlow, tmp_path: Path) -> dict[str, Any]:
    """The package of a model, of which the site has forgotten the job and its parts."""
    trained = train(RECIPE)
    given = {"task_id": "export", "fate_conn_id": CONN_ID, "model": trained, "target": str(tmp_path / "model")}
    result: dict[str, Any] = Task(lambda: FateModelExportOperator(**given)).run()
    bank.remove_job(trained["job_id"])
    return result


def import_(package: Any, **arguments: Any) -> dict[str, Any]:
    given = {"task_id": "import", "fate_conn_id": CONN_ID, "package": package} | arguments
    result: dict[str, Any] = Task(lambda: FateModelImportOperator(**given)).run()
    return result


def test_the_result_of_an_import_scores(bank: FakeFlow, exported: dict[str, Any]) -> None:
    found = score(import_(exported, model_id="credit", model_version="7")).run()

    assert (found["model_id"], found["model_version"]) == ("credit", "7")
    assert (found["trained_by"], found["task"]) == (exported["job_id"], "sbt_0")
    dag = bank.jobs[found["job_id"]].schema["dag"]
    assert dag["conf"]["model_warehouse"] == {"model_id": "credit", "model_version": "7"}
    assert set(dag["tasks"]) == {"reader_0", "psi_0", "scale_0", "sbt_0"}
    assert dag["stage"] == "predict"


def test_a_registered_version_scores_where_its_package_was_imported(
    bank: FakeFlow, exported: dict[str, Any], tmp_path: Path
) -> None:
    registry = ModelRegistry(str(tmp_path / "registry"))
    names = ("package", "sha256", "job_id", "model_id", "model_version", "role", "party_id")
    registry.register("credit", RegisteredModel(**{name: exported[name] for name in names}))
    registry.move("credit", "champion", 1)
    model = {"registry": str(tmp_path / "registry"), "name": "credit", "alias": "champion"}
    assert "The site has no part of guest 9999 of model" in refused(bank, model)

    import_(exported)
    found = score(model).run()

    assert found["registered"] == {"name": "credit", "version": 1}
    assert found["trained_by"] == exported["job_id"]


def test_steps_of_an_older_model_come_from_the_package(bank: FakeFlow, tmp_path: Path) -> None:
    first = train(RECIPE)
    second = train(HeteroSecureBoost(**PARTIES, scaling=Scaling(), warm_start=first["job_id"]))
    given = {"task_id": "export", "fate_conn_id": CONN_ID, "model": second, "target": str(tmp_path / "model")}
    package = Task(lambda: FateModelExportOperator(**given)).run()
    for job in (first, second):
        bank.remove_job(job["job_id"])

    found = score(import_(package, model_id="credit")).run()

    tasks = bank.jobs[found["job_id"]].schema["dag"]["tasks"]
    for name in ("scale_0", "sbt_0"):
        (source,) = tasks[name]["inputs"]["model"].values()
        assert source["model_warehouse"]["producer_task"] == name
        assert source["model_warehouse"].get("model_id", "credit") == "credit"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ([*COLUMNS[:-1], "c"], "it lacks b; it has c, which old.bank has not"),
        ([*COLUMNS[:3], "b", "a"], "the order is another: column 1 is 'b', and was 'a'"),
    ],
)
def test_columns_are_compared_with_the_card(
    bank: FakeFlow, exported: dict[str, Any], columns: list[str], said: str
) -> None:
    bank.tables.add(dataframe("new.bank_20260101", columns))
    assert said in refused(bank, import_(exported))
    Path(exported["card"]).unlink()
    score(import_(exported)).start()  # nobody knows the columns then


def test_what_cannot_be_found_is_named(bank: FakeFlow, exported: dict[str, Any]) -> None:
    imported = import_(exported)
    assert "The site has no part of guest 9999 of model other" in refused(bank, imported | {"model_id": "other"})
    assert "has sha256" in refused(bank, imported | {"sha256": "0" * 64})
    assert "has no package" in refused(bank, imported | {"package": None})
    Path(exported["package"]).unlink()
    assert "of the model is not there" in refused(bank, imported)


def test_a_package_of_an_older_version_says_so(bank: FakeFlow, exported: dict[str, Any], tmp_path: Path) -> None:
    old = tmp_path / "old.zip"
    with zipfile.ZipFile(exported["package"]) as archive, zipfile.ZipFile(old, "w") as other:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "manifest.json":
                manifest = json.loads(content)
                del manifest["job"]
                content = json.dumps(manifest).encode()
            other.writestr(name, content)
    imported = import_(str(old))
    assert "does not say what job" in refused(bank, imported)
