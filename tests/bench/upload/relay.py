"""An object of S3 is sent on as it is, with what the operator reads and sends by.

Nothing is checked, and nobody looks whether the table is there already: what is left is what any upload costs here.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from tests.support.uploader import IMPORTED


def main() -> None:
    """Relay, and print what it took."""
    from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
    from airflow_provider_fate.clients.fate_flow.models import UploadMeta
    from airflow_provider_fate.storage.stored import stored_file

    asked: dict[str, Any] = json.loads(sys.argv[1])
    for name in IMPORTED:
        import_module(name)
    cpu, began = time.process_time(), time.monotonic()
    stored = stored_file(asked["source"], None)
    file = stored.open(stored.facts(), True)

    def pieces() -> Iterator[bytes]:
        while piece := file.read(1024 * 1024):
            yield piece

    with FlowClient(FlowSettings(host=asked["host"], port=asked["port"], timeout=600)) as flow:
        started = flow.data.upload_file(
            pieces(), namespace="bench", name=asked["name"], meta=UploadMeta(match_id_name="id")
        )
    print(
        json.dumps(
            {
                "seconds": time.monotonic() - began,
                "cpu": time.process_time() - cpu,
                "job_id": started.job_id,
            }
        )
    )


if __name__ == "__main__":
    main()
