"""The S3 server of the tests is what they take it for: private, strict, and reached through Airflow's connection."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath
from botocore.exceptions import ClientError

from tests.support.s3 import CONN_ID, RunningS3


def test_airflows_object_storage_writes_and_reads_over_the_connection(s3: RunningS3) -> None:
    bucket = s3.create_bucket()
    path = ObjectStoragePath(f"s3://{CONN_ID}@{bucket}/folder/file.bin")

    with path.open("wb") as file:
        for _ in range(3):
            file.write(b"x" * (4 << 20))

    assert path.stat().st_size == 12 << 20
    assert s3.keys(bucket) == ["folder/file.bin"]
    assert s3.uploads(bucket) == []


@pytest.mark.parametrize(
    ("wrong", "refused"), [({"secret": "nonsense"}, "SignatureDoesNotMatch"), ({"key": "nobody"}, "InvalidAccessKeyId")]
)
def test_nobody_else_is_let_in(s3: RunningS3, wrong: dict[str, str], refused: str) -> None:
    stranger = dataclasses.replace(s3, **wrong)

    with pytest.raises(ClientError, match=refused):
        stranger.client.list_buckets()


def test_it_listens_on_loopback_only(s3: RunningS3) -> None:
    port = int(s3.endpoint.rpartition(":")[2])
    # The kernel's tables of sockets: local address and port in hexadecimal digits, and the state, of which 0A listens.
    sockets = [
        line.split() for table in ("tcp", "tcp6") for line in Path("/proc/net", table).read_text().splitlines()[1:]
    ]
    listening = {local.rpartition(":")[0] for _, local, _, state, *_ in sockets
                 if state == "0A" and int(local.rpartition(":")[2], 16) == port}  # fmt: skip
    assert listening == {"0100007F"}
