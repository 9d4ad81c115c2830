"""A plain multipart post of a file, which may be fetched from S3 first: python -m tests.bench.upload.post JSON."""

from __future__ import annotations

import json
import sys
import time
from typing import Any


def main() -> None:
    """Fetch, post, and print what it took."""
    import httpx

    asked: dict[str, Any] = json.loads(sys.argv[1])
    storage = None
    if s3 := asked["s3"]:
        import boto3
        from botocore.config import Config

        storage = boto3.client("s3", config=Config(s3={"addressing_style": "path"}, proxies={}), **s3["client"])
    client = httpx.Client(trust_env=False, timeout=600)
    cpu, began = time.process_time(), time.monotonic()
    if storage is not None:
        storage.download_file(asked["s3"]["bucket"], asked["s3"]["key"], asked["path"])
    with open(asked["path"], "rb") as file:
        answer = client.post(asked["url"], data=asked["form"], files={"file": file}).json()
    if answer["code"]:
        raise SystemExit(f"FATE-Flow refuses it: {answer}")
    print(
        json.dumps(
            {
                "seconds": time.monotonic() - began,
                "cpu": time.process_time() - cpu,
                "job_id": answer["job_id"],
            }
        )
    )


if __name__ == "__main__":
    main()
