"""The files: one document that holds all, rows for analysis, both or none."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from airflow_provider_fate.errors import FateFileExists, FateInputError
from airflow_provider_fate.metrics import JobMetrics, to_parquet, write_metrics
from airflow_provider_fate.storage.folder import StoredFolder
from tests.unit.metrics.samples import NAMES, metrics_of


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_again_whole(name: str, tmp_path: Path) -> None:
    metrics = metrics_of(name)
    stored = write_metrics(metrics, StoredFolder(str(tmp_path)))
    assert (
        JobMetrics.read(tmp_path) == JobMetrics.read(stored.json) == JobMetrics.read(f"file://{tmp_path}/") == metrics
    )


def test_the_rows_hold_every_point() -> None:
    metrics = metrics_of("boosting.guest")
    rows = pq.read_table(io.BytesIO(to_parquet(metrics)))
    assert rows.schema.metadata[b"format"] == b"airflow-provider-fate/job-metrics/1"
    kinds = {one["values"]: one["counts"] for one in pc.value_counts(rows["kind"]).to_pylist()}
    assert kinds == {
        "value": len(metrics.values),
        "curve": sum(len(curve.x) for curve in metrics.curves),
        "table": sum(len(table.columns) * len(table.rows) for table in metrics.tables),
        "importance": sum(len(one.features) for one in metrics.importances),
        "missing": len(metrics.missing),
    }
    is_roc = (pc.field("name") == "roc") & (pc.field("dataset") == "test")
    drawn = rows.filter(is_roc).sort_by("row")
    roc = metrics.curve("roc", dataset="test")
    assert (drawn["x"].to_pylist(), drawn["value"].to_pylist()) == (list(roc.x), list(roc.y))
    assert (drawn["threshold"].to_pylist(), drawn["cut"].to_pylist()) == (
        list(roc.threshold or ()),
        list(roc.cut or ()),
    )
    loss = rows.filter(pc.field("name") == "sbt_loss")
    assert loss.select(["task", "iteration", "value"]).to_pylist()[1] == {
        "task": "sbt_0", "iteration": 1, "value": 0.47650216650709204,
    }  # fmt: skip
    assert set(rows["job_id"].to_pylist()) == {metrics.job.job_id}


def test_a_raw_metric_is_a_row_of_json() -> None:
    rows = pq.read_table(io.BytesIO(to_parquet(metrics_of("hetero_nn.host")))).to_pylist()
    raw = [row for row in rows if row["kind"] == "raw"]
    assert [json.loads(row["text"])[0]["metric"] for row in raw] == [0.0, 0.0]


def test_the_same_metrics_are_written_once(tmp_path: Path) -> None:
    folder, metrics = StoredFolder(str(tmp_path)), metrics_of("boosting.guest")
    first = write_metrics(metrics, folder)
    before = {file.name: file.stat().st_ino for file in tmp_path.iterdir()}
    second = write_metrics(metrics, folder)
    assert (first.written, second.written) == (True, False)
    assert (first.json_sha256, first.parquet_sha256) == (second.json_sha256, second.parquet_sha256)
    assert before == {file.name: file.stat().st_ino for file in tmp_path.iterdir()}


@pytest.mark.parametrize("lost", ["metrics.json", "metrics.parquet"])
def test_a_file_that_is_lost_is_written_again(tmp_path: Path, lost: str) -> None:
    folder, metrics = StoredFolder(str(tmp_path)), metrics_of("boosting.host")
    write_metrics(metrics, folder)
    (tmp_path / lost).write_bytes(b"")
    (tmp_path / lost).unlink()
    assert write_metrics(metrics, folder).written
    assert (tmp_path / lost).stat().st_size > 100


def test_metrics_of_another_job_are_kept_unless_told(tmp_path: Path) -> None:
    folder = StoredFolder(str(tmp_path))
    write_metrics(metrics_of("boosting.guest"), folder)
    with pytest.raises(FateFileExists, match=r"holds other metrics than those of job \d+ for guest 9999"):
        write_metrics(metrics_of("sshe_lr.guest"), folder)
    assert JobMetrics.read(tmp_path) == metrics_of("boosting.guest")
    assert write_metrics(metrics_of("sshe_lr.guest"), folder, replace=True).written
    assert JobMetrics.read(tmp_path) == metrics_of("sshe_lr.guest")


@pytest.mark.parametrize("broken", ["metrics.json", "metrics.parquet"])
def test_a_storage_that_fails_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    write = StoredFolder.write

    def fail(self: StoredFolder, name: str, content: bytes | Path) -> None:
        if name == broken:
            raise OSError("the disk is full")
        write(self, name, content)

    folder = StoredFolder(str(tmp_path))
    write_metrics(metrics_of("boosting.guest"), folder)
    monkeypatch.setattr(StoredFolder, "write", fail)
    with pytest.raises(OSError, match="disk is full"):
        write_metrics(metrics_of("sshe_lr.guest"), folder, replace=True)
    assert list(tmp_path.iterdir()) == []


def _document(**changed: Any) -> str:
    return json.dumps(metrics_of("boosting.host").model_dump(mode="json") | changed)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is not there"),
        ("{", "is no JSON"),
        (b"PK\x03\x04\xff", "is no JSON"),
        ('{"format": "airflow-provider-fate/model-card"}', "does not hold the metrics of a job"),
        ("[]", "does not hold the metrics of a job"),
        (_document(format_version=2), "version 2 of the format.*\n.*newer airflow-provider-fate"),
        (_document(values=[{"name": "auc"}]), r"does not hold the metrics of a job \(values\.0\."),
    ],
)
def test_what_is_no_such_document_is_refused(tmp_path: Path, content: str | bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "metrics.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FateInputError, match=said):
        JobMetrics.read(tmp_path)
