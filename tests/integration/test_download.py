"""Downloads into a real object store and a real database, and from a real FATE."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import struct
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import ObjectStoragePath
from botocore.exceptions import ClientError
from pyarrow import csv as pacsv
from pyarrow import parquet

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.clients.fate_flow.models import UploadMeta
from airflow_provider_fate.data import output
from airflow_provider_fate.data.output_target import stored_object
from airflow_provider_fate.errors import FateConflictError
from airflow_provider_fate.jobs import Encryption, HeteroSecureBoost, Party
from airflow_provider_fate.operators.download import FateDownloadOperator
from dev.postgres import LocalPostgres
from tests.chaos.proxy import Harm, Proxy
from tests.integration.test_recipes import SHARED, wait, write_tables
from tests.support import s3 as s3_support
from tests.support.fake_flow import FakeFlow, Table
from tests.support.fate import RunningFate
from tests.support.s3 import RunningS3
from tests.support.task import CONN_ID, Task, connect

ROWS = 3000
DETAIL = "\"{'0': 0.5, '1': 0.5}\""
SCORES = Table(
    "credit", "scores", "dataframe", ["extend_sid", "id", "label", "predict_score", "predict_detail"],
    [[f"s{i}", f"{i:05}", str(i % 2), "nan" if i == 3 else f"0.{i:05}", DETAIL] for i in range(ROWS)],
    meta={"match_id_name": "id", "label_name": "label"},
    dtypes={"predict_score": "float64", "predict_detail": "np_object"},
)  # fmt: skip


@pytest.fixture
def site(fake_flow: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> FakeFlow:
    connect(monkeypatch, fake_flow)
    fake_flow.tables.add(SCORES)
    return fake_flow


@pytest.fixture
def database(postgres: LocalPostgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A connection to an empty database, which Airflow knows as ``warehouse``."""
    name = f"d{uuid.uuid4().hex[:10]}"
    url = postgres.create_database(name)
    connection = {
        "conn_type": "postgres", "host": postgres.host, "port": postgres.port, "login": postgres.user,
        "password": postgres.password, "schema": name,
    }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    with contextlib.closing(psycopg2.connect(url)) as opened:
        opened.autocommit = True
        yield opened
    postgres.drop_database(name)


def download(**kwargs: Any) -> dict[str, Any]:
    arguments = {"task_id": "task", "fate_conn_id": CONN_ID} | kwargs
    if "job" not in arguments:
        arguments.setdefault("table", "credit.scores")
    result: dict[str, Any] = Task(lambda: FateDownloadOperator(**arguments)).run()
    return result


def content(s3: RunningS3, bucket: str, key: str) -> bytes:
    body: bytes = s3.client.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def select(database: Any, sql: str) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def as_float32(value: float) -> float:
    return float(struct.unpack("f", struct.pack("f", value))[0])


class Broken(BaseException):
    """As a kill: no Exception."""


def break_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the rows break off before the last."""
    read = output.read_batches

    def broken(*args: Any, **kwargs: Any) -> Any:
        schema, batches = read(*args, **kwargs)

        def some() -> Iterator[Any]:
            yield next(batches).slice(0, ROWS - 1)
            raise Broken

        return schema, some()

    monkeypatch.setattr(output, "read_batches", broken)


# --- object storage ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_becomes_an_object(site: FakeFlow, s3: RunningS3, suffix: str) -> None:
    bucket = s3.create_bucket()

    result = download(target=f"s3://{s3_support.CONN_ID}@{bucket}/day=1/scores.{suffix}")

    stored = content(s3, bucket, f"day=1/scores.{suffix}")
    assert (result["rows"], result["bytes"], result["sha256"]) == (
        ROWS, len(stored), hashlib.sha256(stored).hexdigest(),
    )  # fmt: skip
    read = parquet.read_table if suffix == "parquet" else pacsv.read_csv
    assert read(io.BytesIO(stored)).num_rows == ROWS
    assert s3.keys(bucket) == [f"day=1/scores.{suffix}"]


def test_an_object_that_is_not_completed_leaves_the_old_one(
    site: FakeFlow, s3: RunningS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = s3.create_bucket()
    s3.client.put_object(Bucket=bucket, Key="scores.csv", Body=b"old")
    break_off(monkeypatch)

    with pytest.raises(Broken):
        download(target=f"s3://{s3_support.CONN_ID}@{bucket}/scores.csv")

    assert content(s3, bucket, "scores.csv") == b"old"


def test_an_upload_in_parts_is_completed_or_aborted(s3: RunningS3) -> None:
    bucket = s3.create_bucket()
    path = ObjectStoragePath(f"s3://{s3_support.CONN_ID}@{bucket}/big.bin")

    def upload(end: BaseException | None) -> None:
        with stored_object(path.fs, path.path) as file:
            for _ in range(14):
                file.write(bytes(4 << 20))  # more than the 50 MiB of one part
            assert s3.uploads(bucket) == ["big.bin"]
            assert s3.keys(bucket) == []
            if end:
                raise end

    with pytest.raises(Broken):
        upload(Broken())
    assert (s3.keys(bucket), s3.uploads(bucket)) == ([], [])

    upload(None)
    assert (s3.keys(bucket), s3.uploads(bucket)) == (["big.bin"], [])
    assert s3.client.head_object(Bucket=bucket, Key="big.bin")["ContentLength"] == 56 << 20


def test_a_store_that_refuses_fails_the_task_without_showing_the_secret(
    site: FakeFlow, s3: RunningS3, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_S3_WRONG", s3.connection_json().replace(s3.secret, "a-secret-that-nobody-may-see"))
    bucket = s3.create_bucket()

    with caplog.at_level(logging.INFO), pytest.raises((PermissionError, OSError, ClientError)) as e:
        download(target=f"s3://s3_wrong@{bucket}/scores.csv")

    assert "nobody-may-see" not in f"{e.value!r}{e.value}{caplog.text}"
    assert s3.keys(bucket) == []


# --- databases --------------------------------------------------------------------------------------------------------


def test_a_table_becomes_a_table_of_a_database(site: FakeFlow, database: Any) -> None:
    result = download(sql_conn_id="warehouse", sql_table="scores")

    assert result == {
        "target": "warehouse:scores", "rows": ROWS, "columns": SCORES.columns, "bytes": None, "sha256": None,
    }  # fmt: skip
    types = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'scores'"
    assert dict(select(database, types)) == {
        "extend_sid": "text", "id": "text", "label": "integer", "predict_score": "double precision",
        "predict_detail": "text",
    }  # fmt: skip
    assert select(database, "SELECT * FROM scores ORDER BY id LIMIT 4 OFFSET 2")[:2] == [
        ("s2", "00002", 0, 0.00002, '{"0": 0.5, "1": 0.5}'),
        ("s3", "00003", 1, None, '{"0": 0.5, "1": 0.5}'),
    ]
    assert select(database, "SELECT sum((predict_detail::json->>'1')::float) FROM scores") == [(ROWS / 2,)]


def test_rows_go_into_a_schema_and_are_added_or_replaced(site: FakeFlow, database: Any) -> None:
    with database.cursor() as cursor:
        cursor.execute('CREATE SCHEMA "Risk"')
    into: dict[str, Any] = {"sql_conn_id": "warehouse", "sql_table": "Risk.scores"}
    download(**into)
    with pytest.raises(FateConflictError, match=r"'Risk\.scores' exists already"):
        download(**into)
    assert site.requests.count("/data/download") == 1, "asked before the time is spent to fetch it"
    download(**into, if_exists="append")
    assert select(database, 'SELECT count(*) FROM "Risk".scores') == [(2 * ROWS,)]
    download(**into, if_exists="replace", columns=["id", "label"])
    assert select(database, 'SELECT count(*), count(predict_score) FROM "Risk".scores') == [(ROWS, 0)]


@pytest.mark.parametrize("if_exists", ["fail", "append", "replace"])
def test_rows_that_do_not_all_come_change_nothing(
    site: FakeFlow, database: Any, monkeypatch: pytest.MonkeyPatch, if_exists: str
) -> None:
    if if_exists != "fail":
        download(sql_conn_id="warehouse", sql_table="scores")
    break_off(monkeypatch)

    with pytest.raises(Broken):
        download(sql_conn_id="warehouse", sql_table="scores", if_exists=if_exists)

    tables = [name for (name,) in select(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    assert tables == ([] if if_exists == "fail" else ["scores"])
    assert if_exists == "fail" or select(database, "SELECT count(*) FROM scores") == [(ROWS,)]


def test_a_connection_that_is_not_of_a_database_is_named(site: FakeFlow, s3: RunningS3) -> None:
    with pytest.raises(AirflowFailException, match=r"'s3_test'.*not one of a database"):
        download(sql_conn_id=s3_support.CONN_ID, sql_table="scores")


# --- a real FATE ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str | None, str]]:
    return write_tables(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def flow(fate_full: RunningFate, files: dict[str, tuple[Path, str | None, str]]) -> Iterator[FlowClient]:
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as client:
        uploads = [
            client.data.upload_file(
                files[name][0],
                namespace="download",
                name=name,
                meta=UploadMeta(match_id_name="id", label_name=files[name][1], label_type=files[name][2]),
            ).job_id
            for name in ("guest", "host")
        ]
        end = time.monotonic() + 300
        assert {wait(client, job_id, end) for job_id in uploads} == {"success"}
        yield client


@pytest.mark.fate
@pytest.mark.timeout(900)
def test_what_comes_out_of_a_real_fate_is_what_went_in(
    fate_full: RunningFate,
    flow: FlowClient,
    files: dict[str, tuple[Path, str | None, str]],
    s3: RunningS3,
    database: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe = HeteroSecureBoost(
        guest=Party("9999", "download.guest"),
        hosts=[Party("10000", "download.host")],
        num_trees=1,
        max_depth=2,
        max_bin=4,
        encryption=Encryption(kind="paillier", key_length=1024),
    )
    job_id = flow.job.submit(recipe.dag()).job_id
    assert wait(flow, job_id, time.monotonic() + 600) == "success"
    bucket = s3.create_bucket()
    proxy = Proxy((fate_full.host, fate_full.port))
    try:
        connection = json.loads(fate_full.airflow_connection) | {"port": proxy.port}
        monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(connection))
        cut = proxy.harm("/data/download", Harm.CUT_REPLY)

        # The intersection, cell by cell against the file that was uploaded; the first transfer breaks.
        result = download(
            job=job_id, task="psi_0", target=f"s3://{s3_support.CONN_ID}@{bucket}/psi.parquet", expected_rows=SHARED
        )
        assert cut.is_spent
        stored = parquet.read_table(io.BytesIO(content(s3, bucket, "psi.parquet")))
        download(job=job_id, task="psi_0", sql_conn_id="warehouse", sql_table="psi")

        # Predictions, against what FATE-Flow shows of them in JSON; the input, whole, as CSV.
        download(job={"job_id": job_id}, task="sbt_0", sql_conn_id="warehouse", sql_table="scores")
        download(
            table="download.guest",
            target=f"s3://{s3_support.CONN_ID}@{bucket}/guest.csv",
            columns=["id", "y", "a", "b"],
            compare_with="download.guest",
        )
    finally:
        proxy.down()

    sent = {
        row["id"]: row
        for row in pacsv.read_csv(
            files["guest"][0], convert_options=pacsv.ConvertOptions(column_types=stored.schema)
        ).to_pylist()
    }
    assert result["columns"] == ["extend_sid", "id", "y", "a", "b"]
    arrived = stored.to_pylist()
    assert len(arrived) == SHARED
    assert [{name: row[name] for name in ("id", "y", "a", "b")} for row in arrived] == [
        sent[row["id"]] for row in arrived
    ]
    # PostgreSQL writes the shortest number that is the same REAL; Python makes another double of it.
    rows = [
        (*row[:3], *map(as_float32, row[3:])) for row in select(database, "SELECT extend_sid, id, y, a, b FROM psi")
    ]
    assert sorted(rows) == sorted(tuple(row.values()) for row in arrived)

    (shown,) = flow.output.data_display(job_id, "guest", "9999", "sbt_0")["train_output_data"]
    scores = {row[0]: row for row in select(database, "SELECT * FROM scores")}
    assert len(scores) == shown.total == SHARED
    for sample, match_id, label, score, predicted, detail, kind in shown.data:
        assert scores[sample][:5] == (sample, match_id, label, score, predicted)
        assert json.loads(scores[sample][5]) == json.loads(detail.strip('"').replace("'", '"'))
        assert scores[sample][6] == kind

    text = pacsv.read_csv(
        io.BytesIO(content(s3, bucket, "guest.csv")),
        convert_options=pacsv.ConvertOptions(column_types=stored.schema),
    )
    assert sorted(text.to_pylist(), key=lambda row: row["id"]) == [sent[key] for key in sorted(sent)]
    assert not [name for name in os.listdir("/tmp") if name.startswith("fate-download-")]
