"""The tables of FATE's examples, as their test suites describe them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.clients.fate_flow.models import UploadMeta

PATIENCE = 600


def described(pipelines: Path) -> Iterator[dict[str, Any]]:
    """Each table once."""
    seen = set()
    for suite in sorted(pipelines.rglob("*testsuite.yaml")):
        for entry in (yaml.safe_load(suite.read_text()) or {}).get("data") or ():
            name = (entry["namespace"], entry["table_name"])
            if name not in seen:
                seen.add(name)
                yield entry


def load(flow: FlowClient, fate: Path) -> None:
    """Upload the tables whose files are there."""
    jobs = {}
    for entry in described(fate / "examples" / "pipeline"):
        file = fate / entry["file"]
        if not file.is_file():
            print(f"  {entry['file']} is not there", flush=True)
            continue
        known = {name: value for name, value in entry["meta"].items() if name in UploadMeta.model_fields}
        jobs[entry["table_name"]] = flow.data.upload_file(
            file,
            namespace=entry["namespace"],
            name=entry["table_name"],
            meta=UploadMeta(**known),
            partitions=entry.get("partitions", 4),
            extend_sid=entry.get("extend_sid", True),
        ).job_id
    end = time.monotonic() + PATIENCE
    for table, job_id in jobs.items():
        while not all(record.status.is_terminal for record in flow.job.query(job_id=job_id)):
            assert time.monotonic() < end, f"upload of {table} does not end"
            time.sleep(0.5)
        assert {str(record.status) for record in flow.job.query(job_id=job_id)} == {"success"}, table
