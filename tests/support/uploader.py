"""A worker process that runs an upload, and measures itself: python -m tests.support.uploader JSON.

It does what a worker does until the task is deferred, in a process that can be killed, and whose memory and CPU time
are the upload's alone. The last line of its output is a :class:`Run` in JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
# What an upload imports when it runs, and what a worker of Airflow has imported before: tens of megabytes that are
# there once, however large the table is.
IMPORTED = (
    "airflow.sdk.execution_time.supervisor",
    "airflow_provider_fate.clients.fate_flow",
    "airflow_provider_fate.data.stream",
    "airflow_provider_fate.hooks.check",
    "airflow_provider_fate.hooks.flow",
    "airflow_provider_fate.storage.source",
    "airflow_provider_fate.remote.kinds.fate_upload",
    "airflow_provider_fate.triggers.work",
    "airflow.providers.amazon.aws.fs.s3",
    "pyarrow.csv",
    "pyarrow.parquet",
    "s3fs",
    "yaml",
)


@dataclass(frozen=True)
class Run:
    """How an upload went.

    :param seconds: until FATE-Flow had accepted it.
    :param cpu: seconds of this process's CPU time.
    :param memory: before it began, in MB, with everything imported.
    :param growth: how much more was used at the peak.
    :param error: what went wrong; empty if nothing did.
    :param xcoms: what the task has pushed.
    """

    seconds: float
    cpu: float
    memory: float
    growth: float
    error: str
    xcoms: Mapping[str, Any]

    @classmethod
    def of(cls, output: str) -> Self:
        """From the output of the process."""
        return cls(**json.loads(output.splitlines()[-1]))


def start(arguments: Mapping[str, Any], **ti: Any) -> subprocess.Popen[str]:
    """Start a process that uploads.

    :param arguments: of the operator.
    :param ti: fields of the task instance; with the same ones it is another try of the same task.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.uploader", json.dumps({"arguments": arguments, "ti": ti})],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def upload(arguments: Mapping[str, Any], **ti: Any) -> Run:
    """Upload in a process of its own, and wait for it."""
    process = start(arguments, **ti)
    output, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"the upload has ended with {process.returncode}")
    return Run.of(output)


def _memory(field: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) / 1024


def main() -> None:
    """Run the command line."""
    from airflow_provider_fate.operators.upload import FateUploadOperator
    from tests.support.task import FakeTaskInstance, Task

    asked = json.loads(sys.argv[1])
    task = Task(lambda: FateUploadOperator(task_id="upload", **asked["arguments"]), FakeTaskInstance(**asked["ti"]))
    for name in IMPORTED:
        import_module(name)
    Path("/proc/self/clear_refs").write_text("5")  # the peak of the imports is forgotten
    memory, cpu, began, error = _memory("VmRSS"), time.process_time(), time.monotonic(), ""
    try:
        task.start()
    except Exception as failure:
        error = f"{type(failure).__name__}: {failure}"
    run = Run(
        time.monotonic() - began,
        time.process_time() - cpu,
        memory,
        _memory("VmHWM") - memory,
        error,
        task.ti.xcoms,
    )
    print(json.dumps(asdict(run)), flush=True)
    sys.stdout.flush()
    os._exit(0)  # there is nothing to wait for


if __name__ == "__main__":
    main()
