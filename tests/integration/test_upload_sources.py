"""The same rows of four sources become the same table of a real FATE; no upload that fails leaves anything there."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import tarfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.errors import FateTableNotFound
from airflow_provider_fate.operators.upload import FateUploadOperator
from dev.postgres import LocalPostgres
from tests.support.fate import RunningFate
from tests.support.s3 import CONN_ID, RunningS3
from tests.support.task import FakeTaskInstance, Task
from tests.support.uploader import start

pytestmark = [pytest.mark.fate, pytest.mark.timeout(1200)]

ROWS = 100_000
FLOATS, INTEGERS = 20, 8
FEATURES = [*(f"f{number}" for number in range(FLOATS)), *(f"n{number}" for number in range(INTEGERS))]
PATIENCE = 600.0


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    """100,000 rows of 30 columns: an id, a label, floats of which one in fifty is missing, whole numbers."""
    chance = random.Random(7)
    columns: dict[str, pa.Array] = {
        "id": pa.array([f"p{row:06d}" for row in chance.sample(range(ROWS), ROWS)]),
        "y": pa.array([chance.randrange(2) for _ in range(ROWS)], pa.int64()),
    }
    for number in range(FLOATS):
        # Of all sizes: how a number is written must not matter.
        scale = 10.0 ** (number - 10)
        columns[f"f{number}"] = pa.array(
            [None if chance.random() < 0.02 else chance.gauss(0, scale) for _ in range(ROWS)], pa.float64()
        )
    for number in range(INTEGERS):
        columns[f"n{number}"] = pa.array([chance.randrange(-(10**number), 10**number) for _ in range(ROWS)], pa.int64())
    return pa.table(columns)


@pytest.fixture
def flow(fate_full: RunningFate, monkeypatch: pytest.MonkeyPatch) -> Iterator[FlowClient]:
    monkeypatch.setenv("AIRFLOW_CONN_FATE_DEFAULT", fate_full.airflow_connection)
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port, timeout=60)) as client:
        yield client


def task(**arguments: Any) -> Task:
    ti = FakeTaskInstance(run_id=uuid.uuid4().hex)
    return Task(lambda: FateUploadOperator(task_id="upload", **arguments), ti)


def connection_to(postgres: LocalPostgres, database: str) -> str:
    return json.dumps(
        {
            "conn_type": "postgres",
            "host": postgres.host,
            "port": postgres.port,
            "login": postgres.user,
            "password": postgres.password,
            "schema": database,
        }
    )


def fill(url: str, rows: pa.Table, csv: Path) -> None:
    kinds = {"id": "text", "y": "int"} | {name: "float8" if name[0] == "f" else "bigint" for name in FEATURES}
    with psycopg2.connect(url) as connection, connection.cursor() as cursor, csv.open() as file:
        cursor.execute(f"create table rows ({', '.join(f'{name} {kinds[name]}' for name in rows.column_names)})")
        cursor.copy_expert("copy rows from stdin with (format csv, header)", file)


def downloaded(flow: FlowClient, name: str, folder: Path) -> pa.Table:
    """What the site has, without the column of its own, in the order of the ids."""
    archive = folder / f"{name}.tar.gz"
    flow.data.download("sources", name, archive)
    with tarfile.open(archive) as content:
        content.extractall(folder / name, filter="data")
    file = folder / name / "data" / "0.csv"
    table = pyarrow.csv.read_csv(
        file,
        convert_options=pyarrow.csv.ConvertOptions(column_types={"id": pa.string()}, null_values=["", "nan", "NaN"]),
    )
    return table.drop_columns(["extend_sid"]).sort_by("id")


def leftovers(fate: RunningFate) -> list[Path]:
    """Files that FATE keeps of uploads under way."""
    return [path for path in (fate.home / "temps").rglob("*") if path.is_file()]


def jobs_into(flow: FlowClient, name: str) -> list[str]:
    records = flow.job.list(limit=0).jobs
    return sorted({record.job_id for record in records if f'"{name}"' in json.dumps(dict(record.dag))})


def test_csv_parquet_gzip_and_a_database_become_the_same_table(
    flow: FlowClient,
    fate_full: RunningFate,
    s3: RunningS3,
    postgres: LocalPostgres,
    rows: pa.Table,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    csv, zipped, parquet = tmp_path / "rows.csv", tmp_path / "rows.csv.gz", tmp_path / "rows.parquet"
    pyarrow.csv.write_csv(rows, csv)
    zipped.write_bytes(gzip.compress(csv.read_bytes(), 1))
    pyarrow.parquet.write_table(rows, parquet, row_group_size=30_000)
    bucket = s3.create_bucket()
    for path in (csv, zipped, parquet):
        s3.client.upload_file(str(path), bucket, path.name)
    database = f"d{uuid.uuid4().hex[:8]}"
    fill(postgres.create_database(database), rows, csv)
    monkeypatch.setenv("AIRFLOW_CONN_BANK", connection_to(postgres, database))

    def of_file(path: Path) -> dict[str, Any]:
        return {"source": f"s3://{CONN_ID}@{bucket}/{path.name}"}

    sources = {
        "csv": of_file(csv),
        "parquet": of_file(parquet),
        "database": {"sql": "select * from rows", "sql_conn_id": "bank"},
    }
    results, tables = {}, {}
    for name, source in sources.items():
        results[name] = task(**source, table=f"sources.{name}", label="y").run(PATIENCE)
        tables[name] = downloaded(flow, name, tmp_path)

    expected = rows.sort_by("id").select(tables["csv"].column_names)
    for name, table in tables.items():
        assert results[name]["count"] == table.num_rows == ROWS
        assert results[name]["columns"] == ["extend_sid", "id", "y", *FEATURES]
        for column in table.column_names:
            assert table[column].null_count == expected[column].null_count, (name, column)
            if column in FEATURES:
                found, wanted = (pc.cast(side[column], pa.float32(), safe=False) for side in (table, expected))
            else:
                found, wanted = table[column], expected[column]
            assert found.equals(wanted), (name, column)
    assert results["parquet"]["fingerprint"] == results["database"]["fingerprint"]

    # Compressed it is the same content: it is read to find that out, and not sent again.
    before = len(flow.job.list(limit=0).jobs)
    again = task(**of_file(zipped), table="sources.csv", label="y").run(PATIENCE)
    assert (again["fingerprint"], again["job_id"]) == (results["csv"]["fingerprint"], results["csv"]["job_id"])
    assert len(flow.job.list(limit=0).jobs) == before
    assert leftovers(fate_full) == []


def test_a_killed_worker_leaves_nothing_and_the_retry_ends_with_one_table(
    flow: FlowClient, fate_full: RunningFate, postgres: LocalPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = f"d{uuid.uuid4().hex[:8]}"
    with psycopg2.connect(postgres.create_database(database)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "create table rows as select 'p' || n as id, n % 2 as y, n / 8.0 as x from generate_series(1, 20000) n"
        )
    monkeypatch.setenv("AIRFLOW_CONN_BANK", connection_to(postgres, database))
    arguments = {
        "sql": "select id, y, x, case when pg_sleep(%s) is null then 0 else 1 end as z from rows",
        "sql_conn_id": "bank",
        "table": "sources.killed",
        "label": "y",
    }
    ti = FakeTaskInstance(run_id=uuid.uuid4().hex)
    worker = start(arguments | {"sql_parameters": [0.002]}, run_id=ti.run_id, task_id=ti.task_id)
    wait_until_it_sends(worker.pid, fate_full.port)
    os.kill(worker.pid, signal.SIGKILL)
    worker.communicate()
    time.sleep(1)
    assert jobs_into(flow, "killed") == []
    assert leftovers(fate_full) == []

    retry = Task(lambda: FateUploadOperator(task_id="upload", **arguments, sql_parameters=[0]), ti)
    retry.retry()
    retry.start()
    retry.retry()  # this time the worker was lost when all had been sent
    result = retry.run(PATIENCE)

    assert result["count"] == 20_000
    assert jobs_into(flow, "killed") == [result["job_id"]]
    assert flow.table.query("sources", "killed").count == 20_000
    assert leftovers(fate_full) == []


def wait_until_it_sends(pid: int, port: int) -> None:
    """Wait until the process has been connected to the server for as long as only an upload lasts."""
    import psutil

    end, since = time.monotonic() + 120, None
    while time.monotonic() < end:
        connected = any(link.raddr and link.raddr.port == port for link in psutil.Process(pid).net_connections("tcp"))
        since = (since or time.monotonic()) if connected else None
        if since and time.monotonic() - since > 3:
            return
        time.sleep(0.1)
    raise AssertionError("it does not send")


def test_a_wrong_value_in_the_last_row_leaves_no_job_no_table_and_no_file(
    flow: FlowClient, fate_full: RunningFate, tmp_path: Path
) -> None:
    csv = tmp_path / "rows.csv"
    with csv.open("w") as file:
        file.write("id,y,x\n")
        file.writelines(f"p{row},{row % 2},{row / 8}\n" for row in range(500_000))
        file.write("p500000,1,many\n")
    before = len(flow.job.list(limit=0).jobs)

    with pytest.raises(AirflowFailException, match=r"row 500,001: the value 'many' of column 'x' is not a number"):
        task(source=str(csv), table="sources.wrong", label="y").run(PATIENCE)

    time.sleep(1)
    assert len(flow.job.list(limit=0).jobs) == before
    with pytest.raises(FateTableNotFound):
        flow.table.query("sources", "wrong")
    assert leftovers(fate_full) == []
