"""The archive of a job's logs, copied to where it outlives the site."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient


def keep_logs(flow: FlowClient, job_id: str, folder: str) -> str:
    """Copy all logs that a site has of a job into a folder, as ``<job id>.tar.gz``.

    The archive goes through a temporary file: a site sends it in one piece, and an object store wants its length.

    :param folder: a local path, or a URL of Airflow's object storage.
    :returns: the path of the archive.
    :raises FateFileNotFound: the site has no logs of the job.
    """
    from airflow.sdk import ObjectStoragePath

    target = ObjectStoragePath(folder) / f"{job_id}.tar.gz"
    with TemporaryDirectory(prefix="fate-logs-") as temporary:
        archive = Path(temporary) / "logs.tar.gz"
        flow.job.download_logs(job_id, archive)
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open("rb") as source, target.open("wb") as sink:  # type: ignore[no-untyped-call]
            shutil.copyfileobj(source, sink, 1 << 20)
    return str(target)
