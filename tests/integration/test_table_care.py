"""Tables and old jobs are looked after on a real FATE, which deletes more than it is asked for."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.clients.fate_flow.models import UploadMeta
from airflow_provider_fate.errors import FateConflictError, FateModelNotFound, FateTableNotFound, FateTaskNotFound
from airflow_provider_fate.jobs import Encryption, HeteroSecureBoost, Party, Psi
from airflow_provider_fate.operators.retention import FateRetentionOperator
from airflow_provider_fate.operators.table import (
    FateBindPathOperator,
    FateDeleteTableOperator,
    FatePreviewTableOperator,
)
from airflow_provider_fate.operators.transform import FateTransformOperator
from airflow_provider_fate.site.policy import KINDS
from airflow_provider_fate.site.uploads import records, uploads
from tests.integration.test_recipes import wait, write_tables
from tests.support.fate import RunningFate
from tests.support.fate_jobs import Flow
from tests.support.task import FakeTaskInstance, Task

pytestmark = [pytest.mark.fate, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return write_tables(tmp_path_factory.mktemp("tables"))


@pytest.fixture
def flow(fate_full: RunningFate, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlowClient]:
    monkeypatch.setenv("AIRFLOW_CONN_FATE_DEFAULT", fate_full.airflow_connection)
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as client:
        yield client


@pytest.fixture
def upload(flow: FlowClient, files: dict[str, Any]) -> Callable[..., None]:
    """Uploads the tables of guest and host under these names, and waits for them."""

    def run(guest: str, host: str) -> None:
        jobs = []
        for side, table in (("guest", guest), ("host", host)):
            path, label, kind = files[side]
            namespace, _, name = table.partition(".")
            meta = UploadMeta(match_id_name="id", label_name=label, label_type=kind)
            jobs.append(flow.data.upload_file(path, namespace=namespace, name=name, meta=meta).job_id)
        end = time.monotonic() + 300
        assert {wait(flow, job_id, end) for job_id in jobs} == {"success"}

    return run


def task(make: Callable[[], Any]) -> Task:
    return Task(make, FakeTaskInstance(run_id=uuid.uuid4().hex))


def exists(flow: FlowClient, table: str) -> bool:
    namespace, _, name = table.partition(".")
    try:
        flow.table.query(namespace, name)
    except FateTableNotFound:
        return False
    return True


def test_a_bound_path_is_shown_and_cannot_be_deleted(flow: FlowClient, tmp_path: Path) -> None:
    bind = task(lambda: FateBindPathOperator(task_id="task", table="care.images", path=str(tmp_path), overwrite=True))
    assert bind.run()["changed"] is True
    assert bind.run()["changed"] is False
    seen = task(lambda: FatePreviewTableOperator(task_id="task", table="care.images")).run()
    assert (seen["data_type"], seen["count"]) == ("data_directory", None)
    with pytest.raises(AirflowFailException, match="bound path"):
        task(lambda: FateDeleteTableOperator(task_id="task", tables="care.images")).run()


def test_a_raw_table_is_transformed_and_shown(flow: FlowClient, fate_full: RunningFate, files: dict[str, Any]) -> None:
    bare = Flow(fate_full.url)
    bare.wait(bare.raw_upload(files["guest"][0]))
    raw = next(table for table, _ in uploads(flow))
    assert flow.table.query(raw.namespace, raw.name).data_type == "table"
    transform = task(lambda: FateTransformOperator(task_id="task", source=str(raw), table="care.transformed"))

    result = transform.run(patience=300)

    rows = sum(1 for line in Path(files["guest"][0]).read_text().splitlines() if line) - 1
    assert result["count"] == rows
    assert not exists(flow, str(raw))
    transform.retry()
    assert transform.run(patience=300)["job_id"] == result["job_id"]
    preview = task(
        lambda: FatePreviewTableOperator(task_id="task", table="care.transformed", rows=3, return_rows=True)
    ).run()
    assert [len(row) for row in preview["rows"]] == [len(preview["columns"])] * 3
    assert {"name": "id", "type": "index", "property": "match_id"} in preview["columns"]


def test_a_table_is_deleted_when_no_job_reads_it_any_more(flow: FlowClient, upload: Callable[..., None]) -> None:
    upload("care.read_guest", "care.read_host")
    job = Psi(guest=Party("9999", "care.read_guest"), hosts=[Party("10000", "care.read_host")]).dag()
    job_id = flow.job.submit(job).job_id
    delete = task(
        lambda: FateDeleteTableOperator(task_id="task", tables=["care.read_guest", "care.read_host"], missing_ok=False)
    )
    with pytest.raises(FateConflictError, match=f"job {job_id} reads it as guest 9999"):
        delete.run()
    assert exists(flow, "care.read_guest")
    assert wait(flow, job_id, time.monotonic() + 300) == "success"
    delete.retry()

    assert delete.run()["deleted"] == ["care.read_guest", "care.read_host"]

    assert not exists(flow, "care.read_guest")


def test_cleaning_an_upload_deletes_the_table_that_has_replaced_its_own(
    flow: FlowClient, upload: Callable[..., None]
) -> None:
    """Why retention keeps such a job: were it different, it could be more generous."""
    upload("care.again", "care.other")
    first = next(record.job_id for table, record in uploads(flow) if str(table) == "care.again")
    upload("care.again", "care.other")
    flow.job.clean(first)
    assert not exists(flow, "care.again")


def test_old_things_go_and_what_is_kept_keeps_its_jobs(flow: FlowClient, upload: Callable[..., None]) -> None:
    # The site is shared with other tests, so what there is already stays.
    before = {
        "tables": [str(table) for table, _ in uploads(flow)],
        "jobs": [record.job_id for record in records(flow)],
        "models": [record.model_id or "-" for record in records(flow)],
    }
    upload("care.old_guest", "care.old_host")
    upload("care.kept_guest", "care.kept_host")
    recipe = HeteroSecureBoost(
        guest=Party("9999", "care.old_guest"),
        hosts=[Party("10000", "care.old_host")],
        num_trees=1,
        max_depth=2,
        max_bin=4,
        encryption=Encryption(kind="paillier", key_length=1024),
    ).dag()
    train = flow.job.submit(recipe).job_id
    assert wait(flow, train, time.monotonic() + 300) == "success"
    recipe["dag"]["conf"] = {"inheritance": {"job_id": train, "task_list": ["reader_0", "psi_0"]}}
    heir = flow.job.submit(recipe).job_id
    reader = flow.job.submit(
        Psi(guest=Party("9999", "care.kept_guest"), hosts=[Party("10000", "care.old_host")]).dag()
    ).job_id

    def retention(dry_run: bool, **more: Any) -> dict[str, Any]:
        keep = {kind: [*names, *more.get(kind, [])] for kind, names in before.items()}
        keep["tables"].append("care.kept_*")
        older_than = dict.fromkeys(KINDS, 0)
        made = task(lambda: FateRetentionOperator(task_id="task", older_than=older_than, keep=keep, dry_run=dry_run))
        report: dict[str, Any] = made.run()
        return {item["name"]: item["reason"] or item["action"] for item in report["items"]}

    running = retention(dry_run=False, models=[train])
    assert running["care.old_host"].startswith("used by job")
    assert running[train] == f"its results are used by job {heir}"
    assert flow.job.query(job_id=train)
    for job_id in (heir, reader):
        assert wait(flow, job_id, time.monotonic() + 300) == "success"
    shared = [flow.output.data_tables(job_id, "guest", "9999", "psi_0") for job_id in (train, heir)]
    assert shared[0] == shared[1]

    model_kept = retention(dry_run=True, models=[heir])
    assert model_kept[heir].startswith(f"would take along model {heir}/0")
    assert model_kept[train].startswith(f"shares stored results with job {heir}")
    assert exists(flow, "care.old_guest")

    done = retention(dry_run=False)

    assert {done[name] for name in ("care.old_guest", "care.old_host", train, heir, f"{train}/0")} == {"deleted"}
    assert done[reader].startswith("would take along table care.kept_guest")
    assert done[f"{reader} (2 tables)"] == "deleted"
    (intersection,) = flow.output.data_tables(reader, "guest", "9999", "psi_0")["output_data"]
    assert not exists(flow, f"{intersection.namespace}.{intersection.name}")
    assert exists(flow, "care.kept_guest")
    assert not exists(flow, "care.old_guest")
    assert flow.job.query(job_id=train) == []
    with pytest.raises((FateModelNotFound, FateTaskNotFound)):
        flow.output.model(train, "guest", "9999", "sbt_0")
    assert set(before["jobs"]) <= {record.job_id for record in records(flow)}
    assert set(retention(dry_run=True).values()).isdisjoint({"delete"})
