"""FATE's own client uploads a file. Runs in the environment of fate-client, which has nothing of ours."""

import json
import sys
import time

from fate_client.flow_sdk import FlowClient  # type: ignore[import-not-found]

asked = json.loads(sys.argv[1])
client = FlowClient(ip=asked["host"], port=asked["port"], version="v2")
cpu, began = time.process_time(), time.monotonic()
answer = client.data.upload_file(file=asked["path"], **asked["arguments"])
if answer["code"]:
    raise SystemExit(f"FATE-Flow refuses it: {answer}")
print(json.dumps({"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu, "job_id": answer["job_id"]}))
