"""Models of a real FATE: exported twice, touched, brought back under another name, and put to use there."""

from __future__ import annotations

import copy
import json
import time
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.errors import FateModelNotFound
from airflow_provider_fate.models.card import ModelCard
from airflow_provider_fate.models.package import open_package
from airflow_provider_fate.operators.model_export import FateModelExportOperator
from airflow_provider_fate.operators.model_import import FateModelImportOperator
from airflow_provider_fate.operators.predict import FatePredictOperator
from tests.integration.conftest import Prepared
from tests.integration.test_recipes import GUEST, HOST, RECIPES, ROWS, SHARED, wait, write_tables
from tests.support import s3 as s3_support
from tests.support.fate import RunningFate
from tests.support.s3 import RunningS3
from tests.support.task import CONN_ID, FakeTaskInstance, Task

pytestmark = [pytest.mark.fate, pytest.mark.timeout(1500)]

TRAINED = {"homo_lr": "lr_0", "secureboost": "sbt_0", "homo_nn": "nn_0"}
"""The recipes that are trained, and the task that trains."""
PARTIES = (("guest", GUEST), ("host", HOST))


@pytest.fixture(scope="module")
def flow(fate_full: RunningFate) -> Iterator[FlowClient]:
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as client:
        yield client


@pytest.fixture(scope="module")
def jobs(flow: FlowClient, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Jobs that have trained, by recipe."""
    prepared.tables(write_tables(tmp_path_factory.mktemp("tables")))
    submitted = prepared.jobs(RECIPES, TRAINED)
    end = time.monotonic() + 900
    assert {name: wait(flow, job_id, end) for name, job_id in submitted.items()} == dict.fromkeys(TRAINED, "success")
    return submitted


@pytest.fixture(autouse=True)
def site(fate_full: RunningFate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", fate_full.airflow_connection)


def export(job_id: str, target: object, **arguments: Any) -> dict[str, Any]:
    given = {"task_id": "export", "fate_conn_id": CONN_ID, "model": job_id, "target": str(target)} | arguments
    result: dict[str, Any] = Task(lambda: FateModelExportOperator(**given)).run()
    return result


def import_(package: Any, **arguments: Any) -> dict[str, Any]:
    given = {"task_id": "import", "fate_conn_id": CONN_ID, "package": package} | arguments
    result: dict[str, Any] = Task(lambda: FateModelImportOperator(**given)).run()
    return result


# --- out --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TRAINED)
def test_a_model_is_exported_twice_into_the_same_bytes(jobs: dict[str, str], tmp_path: Path, name: str) -> None:
    first, second = export(jobs[name], tmp_path / "a"), export(jobs[name], tmp_path / "b")

    assert Path(first["package"]).read_bytes() == Path(second["package"]).read_bytes()
    assert not export(jobs[name], tmp_path / "a")["written"]
    package = open_package(Path(first["package"]), first["sha256"])
    assert TRAINED[name] in {part.task for part in package.manifest.parts}
    assert {part.provider for part in package.manifest.parts} == {"fate:2.2.0@local"}


def test_weights_of_a_network_are_kept_and_its_pickled_arguments_left_out(jobs: dict[str, str], tmp_path: Path) -> None:
    told = export(jobs["homo_nn"], tmp_path)
    with zipfile.ZipFile(told["package"]) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    assert "pytorch_model.bin" in names
    assert told["left_out"] == ["nn_0/training_args.bin"]


def test_the_card_of_a_model_is_true(jobs: dict[str, str], tmp_path: Path) -> None:
    told = export(jobs["secureboost"], tmp_path, approved_by="risk board")
    card = ModelCard.model_validate_json(Path(told["card"]).read_bytes())

    (table,) = card.tables
    assert (table.table, table.rows, table.columns, table.label) == ("recipes.guest", ROWS, ("a", "b"), "y")
    assert card.overlap is not None
    assert (card.overlap.rows, card.overlap.own_rows) == (SHARED, ROWS)
    assert 0.5 < float(card.metrics["auc"]) <= 1
    assert [task.task for task in card.tasks][:2] == ["reader_0", "psi_0"], "in the order in which they ran"
    assert next(task for task in card.tasks if task.task == "sbt_0").parameters["num_trees"] == 2
    text = Path(told["card_text"]).read_text()
    assert "Approved by risk board" in text
    assert "recipes.host" in text


def test_a_model_goes_to_an_object_store_whole(jobs: dict[str, str], s3: RunningS3, tmp_path: Path) -> None:
    bucket = s3.create_bucket()
    target = f"s3://{s3_support.CONN_ID}@{bucket}/credit/2026-11-27/"

    told = export(jobs["homo_lr"], target)

    assert s3.keys(bucket) == [f"credit/2026-11-27/{name}" for name in ("card.json", "card.md", "model.zip")]
    assert not export(jobs["homo_lr"], target)["written"]
    with pytest.raises(AirflowFailException, match="is there, and is not the model of job"):
        export(jobs["secureboost"], target)
    assert import_(told, model_id="from_s3")["imported"]
    replaced = export(jobs["secureboost"], target, if_exists="replace")
    stored = s3.client.get_object(Bucket=bucket, Key="credit/2026-11-27/model.zip")["Body"].read()
    (tmp_path / "model.zip").write_bytes(stored)
    assert open_package(tmp_path / "model.zip", replaced["sha256"]).manifest.job_id == jobs["secureboost"]


# --- in ---------------------------------------------------------------------------------------------------------------


def test_a_package_that_was_touched_is_not_imported(flow: FlowClient, jobs: dict[str, str], tmp_path: Path) -> None:
    told = export(jobs["homo_lr"], tmp_path)
    content = bytearray(Path(told["package"]).read_bytes())
    content[content.index(b"models.0.bias") + 20] ^= 1
    Path(told["package"]).write_bytes(content)

    for package in (told, told["package"]):
        with pytest.raises(AirflowFailException, match=r"has sha256|has another checksum|damaged"):
            import_(package, model_id="touched")
    with pytest.raises(FateModelNotFound):
        flow.model.delete("touched", "0")


@pytest.mark.parametrize(
    "name", ["secureboost", *(pytest.param(name, marks=pytest.mark.thorough) for name in ("homo_lr", "homo_nn"))]
)
def test_an_imported_model_predicts_what_the_original_does(
    flow: FlowClient, jobs: dict[str, str], tmp_path: Path, name: str
) -> None:
    copied = f"copy_{name}"
    for role, party_id in reversed(PARTIES):
        told = export(jobs[name], tmp_path / role, role=role, party_id=party_id)
        stored = import_(told, model_id=copied, model_version="7")
        assert stored["imported"]
        assert not import_(told, model_id=copied, model_version="7")["imported"]
        assert not import_(told)["imported"], "this site has trained it"

    submitted = [flow.job.submit(scoring(name, *model)).job_id for model in ((jobs[name], "0"), (copied, "7"))]
    end = time.monotonic() + 600
    assert [wait(flow, job_id, end) for job_id in submitted] == ["success", "success"]
    original, imported = (scores(flow, job_id, TRAINED[name]) for job_id in submitted)
    assert len(original) >= 100
    assert imported == original
    assert predicted(flow, name, stored) == original, "and so does the job that is derived from the package"


def test_a_model_that_was_deleted_can_be_brought_back(flow: FlowClient, jobs: dict[str, str], tmp_path: Path) -> None:
    told = export(jobs["homo_lr"], tmp_path)
    import_(told, model_id="backup", model_version="1")
    flow.model.delete("backup", "1")

    assert import_(told, model_id="backup", model_version="1")["imported"]


def predicted(flow: FlowClient, name: str, model: Mapping[str, Any]) -> list[list[Any]]:
    """The scores of the training table, by the operator."""
    tables = {party.party_id: party.table for party in (RECIPES[name].guest, *RECIPES[name].hosts)}
    given = {"task_id": "score", "fate_conn_id": CONN_ID, "poll_interval": 2, "model": model, "tables": tables}
    ti = FakeTaskInstance(run_id=uuid.uuid4().hex)
    scored = Task(lambda: FatePredictOperator(**given), ti).run(patience=600)
    assert (scored["model_id"], scored["model_version"]) == (model["model_id"], model["model_version"])
    return scores(flow, scored["job_id"], TRAINED[name])


def scoring(name: str, model_id: str, version: str) -> Mapping[str, Any]:
    """A job that scores the training table with a model of this id."""
    dag = copy.deepcopy(dict(RECIPES[name].dag()))
    spec, task = dag["dag"], TRAINED[name]
    source = "psi_0" if "psi_0" in spec["tasks"] else "reader_0"
    parties = [{"role": role, "party_id": [party_id]} for role, party_id in PARTIES]
    spec["tasks"] = {kept: spec["tasks"][kept] for kept in ("reader_0", "psi_0", task) if kept in spec["tasks"]}
    data = {"producer_task": source, "output_artifact_key": "output_data", "parties": parties}
    model = {"producer_task": task, "output_artifact_key": "output_model", "parties": parties}
    spec["tasks"][task] |= {
        "dependent_tasks": [source],
        "inputs": {
            "data": {"test_data": {"task_output_artifact": data}},
            "model": {"input_model": {"model_warehouse": model}},
        },
        "stage": "predict",
    }
    if name == "homo_nn":  # a network's predict stage takes nothing but the model
        spec["tasks"][task]["parameters"] = {}
    spec["stage"] = "predict"
    spec["conf"] = {**(spec.get("conf") or {}), "model_warehouse": {"model_id": model_id, "model_version": version}}
    for group in (spec.get("party_tasks") or {}).values():
        group["tasks"] = {kept: value for kept, value in group["tasks"].items() if kept in spec["tasks"]}
    return json.loads(json.dumps(dag))  # type: ignore[no-any-return]


def scores(flow: FlowClient, job_id: str, task: str) -> list[list[Any]]:
    """Rows of the guest's predictions, by their first column."""
    (tables,) = flow.output.data_display(job_id, "guest", GUEST, task).values()
    return sorted(tables[0].data, key=lambda row: str(row[0]))
