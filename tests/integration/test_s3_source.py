"""Files on a real S3 server, as an upload finds and reads them."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet
import pytest
from botocore.exceptions import ClientError

from airflow_provider_fate.data.shape import Shape
from airflow_provider_fate.data.stream import TableStream
from airflow_provider_fate.errors import FateDataError, FateInputError
from airflow_provider_fate.storage.s3 import S3Object
from airflow_provider_fate.storage.source import file_source
from tests.support.s3 import CONN_ID, RunningS3

ROWS = 400_000
CSV = ("id,x\n" + "".join(f"{row},{row}.5\n" for row in range(ROWS))).encode()


def source(bucket: str, key: str, conn_id: str | None = None) -> object:
    user = "" if conn_id else f"{CONN_ID}@"
    return file_source(f"s3://{user}{bucket}/{key}", conn_id, ",", "utf-8")


def test_a_large_object_is_read_as_it_is(s3: RunningS3) -> None:
    bucket = s3.create_bucket()
    s3.client.put_object(Bucket=bucket, Key="day=1/table.csv", Body=CSV)
    assert len(CSV) > 4 * 1024 * 1024  # several blocks
    for found in (source(bucket, "day=1/table.csv"), source(bucket, "day=1/table.csv", CONN_ID)):
        stream = TableStream(found, Shape())
        assert b"".join(stream) == CSV
        assert stream.sent is not None
        assert stream.sent.rows == ROWS


def test_a_parquet_object_is_read_out_of_order(s3: RunningS3) -> None:
    bucket, file = s3.create_bucket(), io.BytesIO()
    table = pa.table({"id": [f"p{row}" for row in range(5_000)], "x": [row / 8 for row in range(5_000)]})
    pyarrow.parquet.write_table(table, file, row_group_size=1_000)
    s3.client.put_object(Bucket=bucket, Key="table.parquet", Body=file.getvalue())
    assert TableStream(source(bucket, "table.parquet"), Shape()).run().rows == 5_000


def test_an_object_that_changes_is_told(s3: RunningS3) -> None:
    bucket = s3.create_bucket()
    s3.client.put_object(Bucket=bucket, Key="table.csv", Body=CSV)
    found = source(bucket, "table.csv")
    version = found.version()
    pieces = iter(TableStream(found, Shape()))
    next(pieces)
    s3.client.put_object(Bucket=bucket, Key="table.csv", Body=CSV.replace(b"1.5", b"2.5"))
    with pytest.raises(FateDataError, match="was changed while it was read"):
        list(pieces)
    assert found.version() not in (None, version)


def test_what_is_not_there_is_told(s3: RunningS3) -> None:
    bucket = s3.create_bucket()
    s3.client.put_object(Bucket=bucket, Key="folder/table.csv", Body=b"id,x\n1,2\n")
    with pytest.raises(FileNotFoundError, match="is not there"):
        source(bucket, "other.csv")
    with pytest.raises(FileNotFoundError, match="is not there"):
        source("no-such-bucket", "table.csv")
    for folder in ("folder", "folder/"):
        with pytest.raises(FateInputError, match="is a folder"):
            source(bucket, folder)


def test_a_wrong_secret_is_refused_and_not_told(s3: RunningS3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_S3_WRONG", s3.connection_json().replace(s3.secret, "a-secret-nobody-may-see"))
    with pytest.raises(ClientError, match="403") as caught:
        source(s3.create_bucket(), "table.csv", "s3_wrong")
    assert "a-secret-nobody-may-see" not in str(caught.value)


@pytest.mark.parametrize(
    "connection",
    [
        {"conn_type": "aws", "login": "key", "password": "secret", "extra": {"service_config": {"s3": given}}}
        for given in ({"signer": "S3V4RestSigner"}, {"proxy-uri": "http://proxy:3128"})
    ]
    + [{"conn_type": "aws", "extra": {"region_name": "us-east-1"}}],
)
def test_what_boto3_alone_cannot_do_is_left_to_s3fs(
    s3: RunningS3, connection: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert S3Object.of("bucket/key", CONN_ID) is not None
    monkeypatch.setenv("AIRFLOW_CONN_S3_SPECIAL", json.dumps(connection))
    assert S3Object.of("bucket/key", "s3_special") is None
