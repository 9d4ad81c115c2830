"""A model leaves its site whole or not at all, once, with a card that says what it is."""

from __future__ import annotations

import json
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.errors import (
    FateConflictError,
    FateJobNotFound,
    FateModelNotFound,
    FateTaskNotFound,
)
from airflow_provider_fate.jobs import HeteroSecureBoost, HomoLR, Party, Psi, Recipe
from airflow_provider_fate.models.card import ModelCard
from airflow_provider_fate.models.package import open_package
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.model_export import FateModelExportOperator
from airflow_provider_fate.operators.upload import FateUploadOperator
from airflow_provider_fate.storage import folder as storage
from tests.support.fake_flow import Failure, FakeFlow, Script
from tests.support.fake_flow.tables import Table
from tests.support.task import CONN_ID, FakeTaskInstance, Task, connect

PARTIES: dict[str, Any] = {
    "guest": Party("9999", "credit.bank"),
    "hosts": [Party("10000", "credit.telco")],
}
BANK = Table(
    "credit", "bank", "dataframe", ["extend_sid", "id", "y", "debt", "age"], [["0", "1", "0", "2", "33"]] * 7,
    meta={"match_id_name": "id", "label_name": "y"},
)  # fmt: skip


@pytest.fixture
def job(site: FakeFlow) -> str:
    """A job that has trained."""
    site.tables.add(BANK)
    return run(site, HeteroSecureBoost(**PARTIES, num_trees=2))


def run(site: FakeFlow, recipe: Recipe, script: Script | None = None) -> str:
    if script is not None:
        site.plan(script)
    with FlowClient(site.settings) as flow:
        job_id = flow.job.submit(recipe.dag()).job_id
        site.clock.advance(60)
        flow.job.query(job_id=job_id)
    return job_id


def export(model: Any, target: Path | str, ti: FakeTaskInstance | None = None, **arguments: Any) -> Any:
    given = {"task_id": "export", "fate_conn_id": CONN_ID, "model": model, "target": str(target)} | arguments
    return Task(lambda: FateModelExportOperator(**given), ti or FakeTaskInstance()).run()


def test_package_and_card_are_written(site: FakeFlow, job: str, tmp_path: Path) -> None:
    told = export({"job_id": job, "status": "success"}, tmp_path / "m")

    assert sorted(file.name for file in (tmp_path / "m").iterdir()) == ["card.json", "card.md", "model.zip"]
    package = open_package(Path(told["package"]), told["sha256"])
    assert (package.manifest.job_id, package.manifest.who) == (job, "guest 9999")
    assert told | {"written": True, "tasks": ["sbt_0"], "left_out": [], "bytes": package.size} == told
    assert told["content_sha256"] == package.manifest.content_sha256
    card = ModelCard.model_validate_json(Path(told["card"]).read_bytes())
    assert (card.model.package_sha256, card.model.size) == (package.sha256, package.size)
    assert Path(told["card_text"]).read_text().startswith(f"# Model {job}, version 0\n")


def test_the_same_model_twice_is_one_package(site: FakeFlow, job: str, tmp_path: Path) -> None:
    first = export(job, tmp_path / "m")
    before = {file.name: (file.stat().st_ino, file.read_bytes()) for file in (tmp_path / "m").iterdir()}
    second = export(job, f"{tmp_path}/m/", FakeTaskInstance(run_id="another"))
    elsewhere = export(job, tmp_path / "n")

    assert (first["written"], second["written"], elsewhere["written"]) == (True, False, True)
    assert {file.name: (file.stat().st_ino, file.read_bytes()) for file in (tmp_path / "m").iterdir()} == before
    assert elsewhere["sha256"] == first["sha256"] == second["sha256"]


def test_another_model_is_not_written_over(site: FakeFlow, job: str, tmp_path: Path) -> None:
    other = run(site, HomoLR(**PARTIES))
    first = export(job, tmp_path)
    with pytest.raises(AirflowFailException, match=rf"is not the model of job {other}\.\nNothing was written"):
        export(other, tmp_path)
    open_package(tmp_path / "model.zip", first["sha256"])

    second = export(other, tmp_path, if_exists="replace")

    assert open_package(tmp_path / "model.zip").sha256 == second["sha256"] != first["sha256"]
    assert ModelCard.model_validate_json((tmp_path / "card.json").read_bytes()).model.job_id == other


def test_an_approval_that_comes_later_stands_in_the_card(site: FakeFlow, job: str, tmp_path: Path) -> None:
    export(job, tmp_path, FakeTaskInstance(run_id="first"))
    told = export(job, tmp_path, FakeTaskInstance(run_id="second"), approved_by="Ann <ann@example.org>")

    card = ModelCard.model_validate_json((tmp_path / "card.json").read_bytes())
    assert not told["written"]
    assert card.approval is not None
    assert card.approval.by == "Ann <ann@example.org>"
    assert card.airflow is not None
    assert card.airflow.run_id == "first", "who has written it stays"
    assert r"Approved by Ann \<ann@example.org\>" in (tmp_path / "card.md").read_text()


def test_what_fails_halfway_leaves_nothing(
    site: FakeFlow, job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = storage.StoredFolder.write

    def fail(self: Any, name: str, content: Any) -> None:
        if name == "model.zip":
            raise OSError("the disk is full")
        write(self, name, content)

    monkeypatch.setattr(storage.StoredFolder, "write", fail)
    with pytest.raises(OSError, match="the disk is full"):
        export(job, tmp_path / "m")
    assert list((tmp_path / "m").iterdir()) == []


def test_the_training_task_of_the_same_run_is_found(site: FakeFlow, tmp_path: Path) -> None:
    ti = FakeTaskInstance(task_id="train")
    recipe = HomoLR(**PARTIES)
    trained = Task(lambda: FateJobOperator(task_id="train", fate_conn_id=CONN_ID, job=recipe, check_tables=False), ti)
    model = trained.run()

    class Dag:
        task_ids = ("load", "train", "export")

    given = {"task_id": "export", "fate_conn_id": CONN_ID, "model": model, "target": str(tmp_path)}
    task = Task(lambda: FateModelExportOperator(**given), FakeTaskInstance(task_id="export"), {"dag": Dag()})
    told = task.run()

    card = ModelCard.model_validate_json(Path(told["card"]).read_bytes())
    assert card.airflow is not None
    assert (card.airflow.task_id, card.airflow.trained_by) == ("export", "train")


# --- the card ---------------------------------------------------------------------------------------------------------


def test_the_card_says_what_this_site_sees_and_what_it_does_not(site: FakeFlow, job: str, tmp_path: Path) -> None:
    export(job, tmp_path)
    card = ModelCard.model_validate_json((tmp_path / "card.json").read_bytes())

    assert [(party.role, party.own, party.tables) for party in card.parties] == [
        ("guest", True, ("credit.bank",)),
        ("host", False, ("credit.telco",)),
    ]
    (table,) = card.tables
    assert (table.table, table.rows, table.label, table.match_id) == ("credit.bank", 7, "y", "id")
    assert (table.columns, table.types) == (("debt", "age"), ("float32", "float32"))
    assert card.overlap is not None
    assert (card.overlap.rows, card.overlap.own_rows) == (569, 569)
    assert card.metrics["auc"] == 0.9958
    boost = next(task for task in card.tasks if task.task == "sbt_0")
    assert (boost.component, boost.trained, boost.parameters["num_trees"]) == ("hetero_secureboost", True, 2)
    assert card.training.fate_version == "2.2.0"
    assert any("host 10000" in sentence and "part" in sentence for sentence in card.not_seen)
    text = (tmp_path / "card.md").read_text()
    for said in (
        "credit.bank",
        "## What is not seen here",
        "host 10000",
        "0.9958",
        "in this order: debt (float32), age",
    ):
        assert said in text


def test_a_table_has_the_fingerprint_of_its_upload_and_is_said_to_be_replaced_later(
    site: FakeFlow, tmp_path: Path
) -> None:
    (file := tmp_path / "bank.csv").write_text("id,y,age\n1,0,33\n2,1,44\n")

    def upload(run_id: str) -> Any:
        given: dict[str, Any] = {"source": str(file), "table": "credit.bank", "match_id": "id", "label": "y"}
        make = partial(FateUploadOperator, task_id="load", fate_conn_id=CONN_ID, if_exists="replace", **given)
        return Task(make, FakeTaskInstance(run_id=run_id)).run()

    upload("first")
    train = partial(FateJobOperator, task_id="train", fate_conn_id=CONN_ID, job=HomoLR(**PARTIES), check_tables=False)
    job = Task(train).run()
    export(job, tmp_path / "a")
    file.write_text("id,y,age\n1,0,33\n2,1,44\n3,1,55\n")
    upload("second")
    export(job, tmp_path / "b")

    cards = [ModelCard.model_validate_json((tmp_path / name / "card.json").read_bytes()) for name in "ab"]
    (before,), (after,) = (card.tables for card in cards)
    assert before.fingerprint is not None
    assert before.fingerprint != after.fingerprint
    assert (before.rows, before.replaced_since) == (2, False)
    assert (after.rows, after.replaced_since) == (3, True)
    assert "has been replaced since the training" in (tmp_path / "b" / "card.md").read_text()


def test_a_table_that_is_gone_is_said_to_be(site: FakeFlow, job: str, tmp_path: Path) -> None:
    site.tables.remove("credit", "bank")
    export(job, tmp_path)
    (table,) = ModelCard.model_validate_json((tmp_path / "card.json").read_bytes()).tables
    assert table.rows is None
    assert "not there any more" in (tmp_path / "card.md").read_text()


# --- what cannot be exported ------------------------------------------------------------------------------------------


def test_a_job_that_trains_nothing(site: FakeFlow, tmp_path: Path) -> None:
    job = run(site, Psi(**PARTIES))
    with pytest.raises(
        AirflowFailException, match=rf"Job {job} has trained no model for guest 9999: it ran psi, reader"
    ):
        export(job, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_was_deleted_here(site: FakeFlow, tmp_path: Path) -> None:
    job = run(site, HomoLR(**PARTIES))
    with FlowClient(site.settings) as flow:
        flow.model.delete(job, "0")
    with pytest.raises(FateModelNotFound, match=r"trained a model in lr_0, but guest 9999 has it no more") as caught:
        export(job, tmp_path)
    assert caught.value.job_id == job
    assert "Import an earlier package" in str(caught.value)


def test_a_job_that_has_not_ended(site: FakeFlow, tmp_path: Path) -> None:
    job = run(site, HomoLR(**PARTIES), Script(stall="lr_0"))
    with pytest.raises(FateConflictError, match=rf"Job {job} has not ended: it is running"):
        export(job, tmp_path)


def test_a_job_that_has_failed(site: FakeFlow, tmp_path: Path) -> None:
    job = run(site, HomoLR(**PARTIES), Script(fail={"evaluation_0": Failure()}))
    with pytest.raises(AirflowFailException, match=rf"Job {job} is failed"):
        export(job, tmp_path)


def test_a_job_that_nobody_knows(site: FakeFlow, tmp_path: Path) -> None:
    with pytest.raises(FateJobNotFound, match="does not know job 123"):
        export("123", tmp_path)


def test_a_party_that_takes_no_part(site: FakeFlow, job: str, tmp_path: Path) -> None:
    with pytest.raises(FateTaskNotFound, match=r"no party 7777 on this site.*\n.*guest 9999, host 10000"):
        export(job, tmp_path, party_id="7777")
    with pytest.raises(FateTaskNotFound, match="no arbiter 9999 on this site"):
        export(job, tmp_path, role="arbiter")


def test_a_host_exports_its_own_part(
    fake_flow: FakeFlow, job: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_flow.party_id, fake_flow.partner_visible = "10000", False
    connect(monkeypatch, fake_flow, party_id="10000", role="host")
    told = export(job, tmp_path)
    assert (told["role"], told["party_id"]) == ("host", "10000")
    (table,) = ModelCard.model_validate_json((tmp_path / "card.json").read_bytes()).tables
    assert table.table == "credit.telco"


def test_weights_that_would_run_code_are_not_retried(site: FakeFlow, tmp_path: Path) -> None:
    evil = Script(models={"lr_0": {"pytorch_model.bin": b"cos\nsystem\n(S'true'\ntR."}})
    job = run(site, HomoLR(**PARTIES), evil)
    with pytest.raises(AirflowFailException, match=r"would run code when it is loaded \(os\.system\)"):
        export(job, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_left_out_is_told(site: FakeFlow, tmp_path: Path) -> None:
    models = {"lr_0": {"json_model": b"{}", "training_args.bin": b"cos\nsystem\n(S'true'\ntR."}}
    job = run(site, HomoLR(**PARTIES), Script(models=models))
    told = export(job, tmp_path)
    assert told["left_out"] == ["lr_0/training_args.bin"]
    with zipfile.ZipFile(told["package"]) as archive:
        assert not [name for name in archive.namelist() if "training_args" in name]
    assert "os.system" in json.loads(Path(told["card"]).read_bytes())["model"]["left_out"]["lr_0/training_args.bin"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"model": None}, "model=None names no job"),
        ({"model": {"status": "success"}}, "names no job"),
        ({"target": ""}, "target='' is not a folder"),
        ({"target": "s3://a@b/model.zip"}, "is not a folder"),
        ({"target": "s3://key:secret@bucket/models"}, "target has a password in it"),
        ({"if_exists": "append"}, "if_exists='append' is unknown"),
    ],
)
def test_wrong_arguments_are_refused_before_the_site_is_asked(
    site: FakeFlow, tmp_path: Path, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(AirflowFailException, match=says) as caught:
        export(**({"model": "1", "target": tmp_path} | arguments))
    assert "secret" not in str(caught.value)
    assert site.requests.count() == 0
