"""The metrics of a job as files: ``metrics.json`` holds all of it, ``metrics.parquet`` one row for each point."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateFileExists
from airflow_provider_fate.metrics.document import JSON_FILE, JobMetrics
from airflow_provider_fate.storage.folder import StoredFolder

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["JSON_FILE", "PARQUET_FILE", "StoredMetrics", "to_parquet", "write_metrics"]

PARQUET_FILE = "metrics.parquet"
_PLACE = ("task", "metric", "name", "model", "dataset", "fold", "iteration", "label")


@dataclass(frozen=True)
class StoredMetrics:
    """Where the metrics of a job lie.

    :param json: place of the document.
    :param parquet: place of the rows.
    :param json_sha256: checksum of the document.
    :param parquet_sha256: checksum of the file of rows.
    :param written: whether they were written now; else they lay there already.
    """

    json: str
    parquet: str
    json_sha256: str
    parquet_sha256: str
    written: bool


def write_metrics(metrics: JobMetrics, folder: StoredFolder, *, replace: bool = False) -> StoredMetrics:
    """Write both files, or none of them. The same metrics are written once.

    The document is written last, so where it is, the rows are, too.

    :param replace: whether metrics of another job, or other metrics of this one, may be replaced.
    :raises FateFileExists: the folder holds others, which are to be kept.
    """
    document = metrics.to_json().encode()
    rows = to_parquet(metrics)
    digest, rows_digest = (hashlib.sha256(content).hexdigest() for content in (document, rows))
    there = folder.size(JSON_FILE)
    same = there == len(document) and folder.sha256(JSON_FILE) == digest
    if there is not None and not same and not replace:
        raise FateFileExists(
            f"{folder.place(JSON_FILE)} is there, and holds other metrics than those of job {metrics.job.job_id} for "
            f"{metrics.job.who}.",
            hint="Nothing was written. Give each job a folder of its own, such as one with the job id in it, or set "
            "if_exists='replace'.",
        )
    written = not (same and folder.size(PARQUET_FILE) == len(rows) and folder.sha256(PARQUET_FILE) == rows_digest)
    if written:
        _write(folder, document, rows)
    return StoredMetrics(folder.place(JSON_FILE), folder.place(PARQUET_FILE), digest, rows_digest, written)


def _write(folder: StoredFolder, document: bytes, rows: bytes) -> None:
    # What stands for the whole goes first where it is old, and comes last where it is new.
    folder.remove(JSON_FILE)
    try:
        folder.write(PARQUET_FILE, rows)
        folder.write(JSON_FILE, document)
    except BaseException:
        for name in (JSON_FILE, PARQUET_FILE):
            with suppress(Exception):
                folder.remove(name)
        raise


# --- rows -------------------------------------------------------------------------------------------------------------


def to_parquet(metrics: JobMetrics) -> bytes:
    """One row for each value, point of a curve, cell of a table, column of an importance, raw metric and missing one.

    ``kind`` tells which of them a row is. ``value`` or ``text`` is what was measured, ``x`` where.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema()
    rows = list(_rows(metrics))
    table = pa.Table.from_pylist(rows, schema=schema)
    buffer = BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def _schema() -> pa.Schema:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    return pa.schema(
        [
            *[(name, text) for name in ("job_id", "role", "party_id", "kind", "task", "metric", "name", "model")],
            *[("dataset", text), ("fold", pa.int32()), ("iteration", pa.int64()), ("label", text)],
            *[("row", pa.int32()), ("column", text), ("party", text), ("x", number), ("value", number), ("text", text)],
            *[("threshold", number), ("cut", number), ("time", number)],
            *[("x_name", text), ("x_unit", text), ("y_name", text), ("y_unit", text)],
        ],
        metadata={"format": metrics_format()},
    )


def metrics_format() -> str:
    """Name and version of the format, as the metadata of the Parquet file has it."""
    fields = JobMetrics.model_fields
    return f"{fields['format'].default}/{fields['format_version'].default}"


def _rows(metrics: JobMetrics) -> Iterator[dict[str, Any]]:
    job = {"job_id": metrics.job.job_id, "role": metrics.job.role, "party_id": metrics.job.party_id}
    for value in metrics.values:
        yield job | _placed("value", value) | _cell(value.value)
    for curve in metrics.curves:
        names = {name: getattr(curve, name) for name in ("x_name", "x_unit", "y_name", "y_unit")}
        place = job | _placed("curve", curve) | names
        along = {name: getattr(curve, name) for name in ("threshold", "cut", "time") if getattr(curve, name)}
        for row, (x, y) in enumerate(zip(curve.x, curve.y, strict=True)):
            at = {name: values[row] for name, values in along.items()}
            step = {"iteration": int(x)} if curve.steps else {}
            yield place | at | step | {"row": row, "x": x, "value": y}
    for table in metrics.tables:
        place = job | _placed("table", table)
        for row, cells in enumerate(table.rows):
            for column, cell in zip(table.columns, cells, strict=True):
                yield place | {"row": row, "column": column} | _cell(cell)
    for importance in metrics.importances:
        place = job | _placed("importance", importance)
        for row, one in enumerate(importance.features):
            yield place | {"row": row, "column": one.feature, "party": one.party, "value": one.value}
    for raw in metrics.raw:
        text = json.dumps(raw.data, sort_keys=True)
        yield job | {"kind": "raw", "task": raw.task, "metric": raw.name, "name": raw.name, "text": text}
    for missing in metrics.missing:
        yield job | {"kind": "missing", "task": missing.task, "name": missing.what, "text": missing.why}


def _placed(kind: str, measured: Any) -> dict[str, Any]:
    return {"kind": kind, **{name: getattr(measured, name) for name in _PLACE}}


def _cell(value: bool | int | float | str | None) -> dict[str, Any]:
    if isinstance(value, str):
        return {"text": value}
    return {"value": None if value is None else float(value)}
