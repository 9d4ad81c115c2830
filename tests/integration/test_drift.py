"""Drift of tables on a real FATE: as it writes them, and after one was replaced."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.drift import FateDriftOperator
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.upload import FateUploadOperator
from tests.support.fate import RunningFate
from tests.support.task import FakeTaskInstance, Task

pytestmark = [pytest.mark.fate, pytest.mark.timeout(600)]

ROWS = 3000


def task(make: Callable[[], Any]) -> Any:
    return Task(make, FakeTaskInstance(run_id=uuid.uuid4().hex)).run(patience=300)


def people(folder: Path, name: str, older: float = 0.0, label: bool = True) -> Path:
    """A file of people; the columns are of all kinds that FATE keeps."""
    draw = np.random.default_rng(len(name))
    age, debt = draw.normal(40 + older, 10, ROWS), draw.gamma(2, 1000, ROWS)
    children, missing = draw.poisson(1.2, ROWS), draw.random(ROWS) < 0.1
    lines = [f"id{',y' if label else ''},age,debt,children"]
    lines += [
        f"p{n:05}{f',{n % 2}' if label else ''},{age[n]:.3f},{'' if missing[n] else f'{debt[n]:.2f}'},{children[n]}"
        for n in range(ROWS)
    ]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def flow(fate_full: RunningFate, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlowClient]:
    monkeypatch.setenv("AIRFLOW_CONN_FATE_DEFAULT", fate_full.airflow_connection)
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as client:
        yield client


def upload(source: Path, table: str, label: str | None, if_exists: Any = "fail") -> dict[str, Any]:
    dtype = {"age": "float32", "debt": "float64", "children": "int32"}
    found: dict[str, Any] = task(
        lambda: FateUploadOperator(
            task_id="load", source=source, table=table, label=label, dtype=dtype, if_exists=if_exists
        )
    )
    return found


def test_tables_of_a_site_are_compared_with_what_a_job_has_read(flow: FlowClient, tmp_path: Path) -> None:
    before = upload(people(tmp_path, "before"), "drift.before", "y")
    now = upload(people(tmp_path, "now", older=8, label=False), "drift.now", None)
    # It trains nothing, which would take long; of a table it keeps what a training's intersection keeps, too.
    job = Psi(guest=Party("9999", before["table"]), hosts=[Party("10000", before["table"])])
    read = task(lambda: FateJobOperator(task_id="read", job=job))

    def drift(**arguments: Any) -> dict[str, Any]:
        given = {"task_id": "drift", "current": now, "target": tmp_path / "out"} | arguments
        found: dict[str, Any] = task(lambda: FateDriftOperator(**given))
        return found

    found = drift(model=read)

    assert (found["reference"], found["drifted_columns"]) == ("table drift.before", ["age"])
    assert {name: one["verdict"] for name, one in found["columns"].items()} == {
        "age": "drifted", "debt": "stable", "children": "stable",
    }  # fmt: skip
    report = json.loads(Path(found["report"]).read_text())
    columns = {column["column"]: column for column in report["columns"]}
    assert report["not_compared"] == {"y": "the label is not in table drift.now"}
    assert columns["age"]["ks"] == pytest.approx(0.31, abs=0.04), "8 years are 0.8 of the deviation"
    assert columns["debt"]["missing_now"] == pytest.approx(0.1, abs=0.03)
    assert columns["children"]["kind"] == "category"

    # A file is not kept in FATE's 32 bits, and is compared all the same.
    as_file = drift(reference=str(tmp_path / "before.csv"), columns=["age", "debt", "children"])
    assert as_file["drifted_columns"] == ["age"]
    itself = drift(reference="drift.before", current=str(tmp_path / "before.csv"))
    assert {one["psi"] for one in itself["columns"].values()} == {0.0}

    upload(people(tmp_path, "replaced", older=8), "drift.before", "y", if_exists="replace")
    again = drift(model=read)

    assert again["reference"] == f"what task psi_0 of job {read['job_id']} has kept of it"
    assert again["columns"] == found["columns"], "all rows are in common"
