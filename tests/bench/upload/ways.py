"""The ways to upload that are compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_fate.clients.fate_flow.models import UploadMeta
from airflow_provider_fate.jobs.pipeline.environment import PipelineEnvironment
from tests.support.s3 import CONN_ID, REGION, RunningS3
from tests.support.uploader import ROOT, upload

META = UploadMeta(match_id_name="id").for_server()
SITE = "fate_site"


@dataclass(frozen=True)
class Sent:
    """An upload that FATE-Flow has accepted.

    :param seconds: until then, from the first byte that was read.
    :param cpu: seconds of the uploading process's CPU time.
    :param growth: MB that its memory has grown, where that is measured.
    """

    seconds: float
    cpu: float
    job_id: str
    growth: float | None = None


@dataclass(frozen=True)
class Scene:
    """What all ways work on.

    :param csv: the file on disk; its name in the bucket is the same.
    :param parquet: the same rows.
    """

    host: str
    port: int
    s3: RunningS3
    bucket: str
    csv: Path
    parquet: Path
    scratch: Path


Way = Callable[[Scene, str], Sent]


def _ours(source: Callable[[Scene], str]) -> Way:
    def run(scene: Scene, name: str) -> Sent:
        found = upload({"source": source(scene), "table": f"bench.{name}", "fate_conn_id": SITE}, run_id=name)
        if found.error:
            raise RuntimeError(found.error)
        return Sent(found.seconds, found.cpu, found.xcoms["fate_job"]["job_id"], found.growth)

    return run


def _post(path: Path, scene: Scene, name: str, s3: Mapping[str, Any] | None = None) -> Sent:
    return _run(
        [sys.executable, "-m", "tests.bench.upload.post"],
        {
            "path": str(path),
            "url": f"http://{scene.host}:{scene.port}/v2/data/component/upload/file",
            "form": {
                "head": "true",
                "partitions": "4",
                "extend_sid": "true",
                "meta": json.dumps(META),
                "namespace": "bench",
                "name": name,
            },
            "s3": s3,
        },
    )


def bare_post(scene: Scene, name: str) -> Sent:
    """The file as it is: nothing is read twice, nothing is checked. The limit."""
    return _post(scene.csv, scene, name)


def fetch_and_post(scene: Scene, name: str) -> Sent:
    """boto3's ``download_file``, which uses several connections; then the plain post."""
    path = scene.scratch / "fetched.csv"
    path.unlink(missing_ok=True)
    s3 = scene.s3
    client = {
        "endpoint_url": s3.endpoint,
        "aws_access_key_id": s3.key,
        "aws_secret_access_key": s3.secret,
        "region_name": REGION,
    }
    return _post(path, scene, name, {"client": client, "bucket": scene.bucket, "key": scene.csv.name})


def relay(scene: Scene, name: str) -> Sent:
    """What the operator would take if it checked nothing."""
    source = f"s3://{CONN_ID}@{scene.bucket}/{scene.csv.name}"
    return _run(
        [sys.executable, "-m", "tests.bench.upload.relay"],
        {"host": scene.host, "port": scene.port, "source": source, "name": name},
    )


def fates_client(scene: Scene, name: str) -> Sent:
    """fate-client 2.2's ``FlowClient().data.upload_file`` of the file on disk."""
    arguments = {
        "head": True, "partitions": 4, "meta": META, "namespace": "bench", "name": name, "extend_sid": True,
    }  # fmt: skip
    return _run(
        [str(PipelineEnvironment().interpreter()), str(Path(__file__).with_name("fates_client.py"))],
        {"host": scene.host, "port": scene.port, "path": str(scene.csv), "arguments": arguments},
    )


def _run(command: list[str], asked: Mapping[str, Any]) -> Sent:
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [*command, json.dumps(asked)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return Sent(**json.loads(done.stdout.splitlines()[-1]))


BARE = "bare post of the local CSV (the limit)"
WAYS: Mapping[str, Way] = {
    BARE: bare_post,
    "operator, CSV on S3": _ours(lambda scene: f"s3://{CONN_ID}@{scene.bucket}/{scene.csv.name}"),
    "operator, CSV on disk": _ours(lambda scene: str(scene.csv)),
    "operator, Parquet on S3": _ours(lambda scene: f"s3://{CONN_ID}@{scene.bucket}/{scene.parquet.name}"),
    "CSV on S3, sent on unchecked": relay,
    "download_file to disk, then post": fetch_and_post,
    "fate-client, local CSV": fates_client,
}
