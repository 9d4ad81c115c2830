"""The memory of a worker does not grow with the table that it uploads."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.support.fake_flow import FakeFlow
from tests.support.s3 import CONN_ID, RunningS3
from tests.support.task import CONN_ID as SITE
from tests.support.task import connect
from tests.support.uploader import upload

SIZE = 160_000_000
COLUMNS = 50
POOL = 10_000


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV file of 160 MB; one value in fifty is missing."""
    path = tmp_path_factory.mktemp("memory") / "table.csv"
    chance = random.Random(4)
    rows = [
        ",".join("" if chance.random() < 0.02 else f"{chance.gauss(0, 1):.6f}" for _ in range(COLUMNS))
        for _ in range(POOL)
    ]
    with path.open("w") as file:
        size = file.write(",".join(["id", *(f"x{column}" for column in range(COLUMNS))]) + "\n")
        row = 0
        while size < SIZE:
            size += file.write("".join(f"p{number:09d},{rows[number % POOL]}\n" for number in range(row, row + 1000)))
            row += 1000
    return path


def as_it_is(table: Path) -> Path:
    return table


def as_parquet(table: Path) -> Path:
    """The same in row groups of 60 MB, which are never in memory whole."""
    path = table.with_suffix(".parquet")
    reader = pyarrow.csv.open_csv(table)
    with pyarrow.parquet.ParquetWriter(path, reader.schema) as writer:
        writer.write_table(reader.read_all(), row_group_size=150_000)
    return path


@pytest.mark.no_cover  # which would take three times as long, and memory of its own
@pytest.mark.thorough
@pytest.mark.parametrize("written", [as_it_is, as_parquet])
def test_it_grows_by_less_than_100_mb(
    table: Path, written: Callable[[Path], Path], fake_flow: FakeFlow, s3: RunningS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, fake_flow, timeout=120)
    fake_flow.discard_uploads = True
    bucket = s3.create_bucket()
    path = written(table)
    s3.client.upload_file(str(path), bucket, path.name)

    run = upload({"source": f"s3://{CONN_ID}@{bucket}/{path.name}", "table": "memory.table", "fate_conn_id": SITE})

    # It reads all, and throws it away: as if nothing had come with the request.
    assert "Missing data for required field" in run.error
    [sent] = fake_flow.requests.to("/data/component/upload/file")
    assert int(sent.form["discarded"]) > 0.95 * SIZE
    print(f"{path.suffix}: {run}")
    assert run.growth < 100
