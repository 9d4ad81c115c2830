"""Uploads and downloads: whole, in constant memory, and without traces when they break."""

from __future__ import annotations

import asyncio
import io
import resource
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.clients.fate_flow import AsyncFlowClient, FlowClient, models
from airflow_provider_fate.errors import FateInvalidParameterError, FateTableNotFound, FateUnreachable
from tests.support.fake_flow import FakeFlow

CSV = b"id,y,x0\n" + b"".join(b"%d,1,0.5\n" % row for row in range(50))
META = models.UploadMeta(match_id_name="id", label_name="y")
NAMED: dict[str, Any] = {"namespace": "experiment", "name": "a b-ü", "meta": META}
PATH = "/data/component/upload/file"


def _uploaded(fake: FakeFlow) -> list[bytes | None]:
    return [call.file for call in fake.requests.to(PATH)]


def test_each_kind_of_source_arrives_whole(fake_flow: FakeFlow, flow: FlowClient, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(CSV)
    with file.open("rb") as opened:
        for source in (file, str(file), opened, io.BytesIO(CSV), [CSV[:7], b"", CSV[7:]]):
            flow.data.upload_file(source, **NAMED)

    assert _uploaded(fake_flow) == [CSV] * 5
    form = fake_flow.requests.to(PATH)[0].form
    assert form["name"] == "a b-ü"
    assert (form["head"], form["extend_sid"], form["partitions"]) == ("true", "true", "4")


async def test_each_kind_of_source_arrives_whole_asynchronously(fake_flow: FakeFlow, tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(CSV)
    async with AsyncFlowClient(fake_flow.settings) as flow:
        for source in (file, io.BytesIO(CSV), iter([CSV[:7], CSV[7:]])):
            await flow.data.upload_file(source, **NAMED)

    assert _uploaded(fake_flow) == [CSV] * 3


def test_an_upload_makes_a_table(fake_flow: FakeFlow, flow: FlowClient) -> None:
    job = flow.data.upload_file([CSV], namespace="experiment", name="bank", meta=META)
    fake_flow.clock.advance(5)

    assert flow.job.query(job_id=job.job_id)[0].status is models.JobStatus.SUCCESS
    table = flow.table.query("experiment", "bank")
    assert table.count == 50
    assert table.columns == ["extend_sid", "id", "y", "x0"]


def test_what_was_refused_before_the_body_went_out_is_sent_whole_later(fake_flow: FakeFlow) -> None:
    source = io.BytesIO(CSV)
    source.seek(8)  # an upload starts where the file stands
    settings = replace(fake_flow.settings, retries=6, retry_wait=0.05)
    fake_flow.down()
    back = threading.Timer(0.15, fake_flow.up)
    back.start()
    with FlowClient(settings) as flow:
        flow.data.upload_file(source, **NAMED)
    back.join()

    assert _uploaded(fake_flow) == [CSV[8:]]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"file": "/no/such/file.csv"}, "file"),
        ({"file": b"id\n1\n"}, "bytes"),
        ({"name": "../etc"}, "name"),
        ({"namespace": ""}, "namespace"),
        ({"partitions": 0}, "partitions"),
    ],
)
def test_bad_input_is_refused_before_anything_is_sent(
    fake_flow: FakeFlow, flow: FlowClient, change: dict[str, Any], field: str
) -> None:
    with pytest.raises(FateInvalidParameterError, match=field):
        flow.data.upload_file(**{"file": [CSV], **NAMED, **change})
    assert fake_flow.requests.count() == 0


def _megabytes(count: int) -> Iterator[bytes]:
    piece = b"1,0,0.123456789\n" * 65536
    for _ in range(count):
        yield piece


def test_a_large_upload_takes_no_memory(fake_flow: FakeFlow, flow: FlowClient) -> None:
    fake_flow.discard_uploads = True
    fake_flow.faults.answer(5007, "No Found File", PATH, times=None)
    with pytest.raises(FateInvalidParameterError):
        flow.data.upload_file(_megabytes(20), **NAMED)  # warm
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FateInvalidParameterError):
        flow.data.upload_file(_megabytes(200), **NAMED)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert int(fake_flow.requests.to(PATH)[-1].form["discarded"]) > 200_000_000
    assert grown < 20_000  # kilobytes


async def test_a_slow_source_does_not_stop_the_loop(fake_flow: FakeFlow) -> None:
    def slowly() -> Iterator[bytes]:
        for _ in range(2):
            time.sleep(0.5)
            yield b"1,1,1\n"

    async with AsyncFlowClient(fake_flow.settings) as flow:
        upload = asyncio.create_task(flow.data.upload_file(slowly(), **NAMED))
        pauses = []
        while not upload.done():
            began = time.monotonic()
            await asyncio.sleep(0.01)
            pauses.append(time.monotonic() - began)
        await upload

    assert max(pauses) < 0.4


# --- downloads ---


@pytest.fixture
def table(fake_flow: FakeFlow, flow: FlowClient) -> tuple[str, str]:
    """A table on the fake server."""
    flow.data.upload_file([CSV], namespace="experiment", name="bank", meta=META)
    fake_flow.clock.advance(5)
    assert flow.table.query("experiment", "bank").count == 50
    return "experiment", "bank"


def test_a_download_arrives_whole(flow: FlowClient, table: tuple[str, str], tmp_path: Path) -> None:
    target = tmp_path / "bank.tar.gz"

    size = flow.data.download(*table, to=target)

    assert size == target.stat().st_size
    with tarfile.open(target) as tar:
        assert tar.getnames() == ["data/0.csv", "data/0.meta"]
    buffer = io.BytesIO()
    assert flow.data.download(*table, to=buffer) == len(buffer.getvalue())


async def test_the_async_download_is_the_same(fake_flow: FakeFlow, table: tuple[str, str], tmp_path: Path) -> None:
    target = tmp_path / "bank.tar.gz"
    async with AsyncFlowClient(fake_flow.settings) as flow:
        size = await flow.data.download(*table, to=target)

    assert size == target.stat().st_size


def test_a_download_that_breaks_once_is_repeated(
    fake_flow: FakeFlow, flow: FlowClient, table: tuple[str, str], tmp_path: Path
) -> None:
    fake_flow.faults.truncate("/data/download")

    flow.data.download(*table, to=tmp_path / "bank.tar.gz")

    assert fake_flow.requests.count("/data/download") == 2
    assert tarfile.is_tarfile(tmp_path / "bank.tar.gz")


def test_a_broken_download_leaves_nothing(
    fake_flow: FakeFlow, flow: FlowClient, table: tuple[str, str], tmp_path: Path
) -> None:
    fake_flow.faults.truncate("/data/download", times=None)
    target = tmp_path / "bank.tar.gz"
    target.write_bytes(b"the one before")

    with pytest.raises(FateUnreachable):
        flow.data.download(*table, to=target)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("bank.tar.gz", b"the one before")]


def test_an_open_file_is_not_written_twice(fake_flow: FakeFlow, flow: FlowClient, table: tuple[str, str]) -> None:
    fake_flow.faults.truncate("/data/download", times=None)

    with pytest.raises(FateUnreachable):
        flow.data.download(*table, to=io.BytesIO())
    assert fake_flow.requests.count("/data/download") == 1


def test_an_error_instead_of_a_file_is_an_error(flow: FlowClient, tmp_path: Path) -> None:
    with pytest.raises(FateTableNotFound):
        flow.data.download("experiment", "nope", to=tmp_path / "nope.tar.gz")
    assert list(tmp_path.iterdir()) == []
