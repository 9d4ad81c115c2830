"""Run FATE's own pipeline examples to their end, each job as a task, and say how it went.

    python -m tests.examples_of_fate /path/to/FATE [PART_OF_A_NAME ...]

FATE's code is not part of this project: the first argument is a checkout of FederatedAI/FATE.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.operators.pipeline import FatePipelineOperator
from tests.examples_of_fate.tables import load
from tests.support.fate import RunningFate, run_fate
from tests.support.task import FakeTaskInstance, Task

PATIENCE = 1800
"""Seconds for a job; two run at a time."""
KINDS = {"predict": r"\.predict\(", "warm start": "warm_start", "cross validation": "cv_param"}
NOT_PIPELINES = ("upload", "common_tools")


@dataclass(frozen=True)
class Outcome:
    """How an example went.

    :param jobs: how many it has run.
    :param problem: why it has not come to its end; ``None``: it has.
    """

    name: str
    kinds: Sequence[str]
    jobs: int
    seconds: float
    problem: str | None

    def row(self) -> str:
        """A row of a table in Markdown."""
        how = "to its end" if self.problem is None else self.problem
        return f"| `{self.name}` | {', '.join(self.kinds)} | {self.jobs} | {how} |"


def run(script: Path, name: str, kinds: Sequence[str], config: Path) -> Outcome:
    """Run the jobs of a script, one after the other."""
    began, results = time.monotonic(), list[Any]()
    requirements = ["torch"] if re.search(r"HomoNN|HeteroNN|torch", script.read_text()) else []
    problem = None
    try:
        while not results or results[-1]["more"]:
            given: dict[str, Any] = {"script": str(script), "script_args": ["--config", str(config)]}
            given |= {"after": list(results), "requirements": requirements, "poll_interval": 1}
            ti = FakeTaskInstance(run_id=uuid.uuid4().hex)
            results.append(Task(lambda g=given: FatePipelineOperator(task_id="job", **g), ti).run(patience=PATIENCE))
    except Exception as error:
        problem = " ".join(str(error).split())[:300] or type(error).__name__
    found = Outcome(name, kinds, len(results), time.monotonic() - began, problem)
    print(f"{found.seconds:6.1f} s  {found.row()}", flush=True)
    return found


@contextmanager
def site(home: Path) -> Any:
    """A FATE of its own, and Airflow's connection to it."""
    fates = run_fate(home, "full")
    fate: RunningFate = next(fates)
    os.environ["AIRFLOW_CONN_FATE_DEFAULT"] = fate.airflow_connection
    try:
        with FlowClient(FlowSettings(host=fate.host, port=fate.port, timeout=60)) as flow:
            yield flow
    finally:
        next(fates, None)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.examples_of_fate", description=__doc__)
    parser.add_argument("fate", type=Path, help="checkout of FederatedAI/FATE")
    parser.add_argument("names", nargs="*", help="only examples whose path has one of these in it")
    parser.add_argument("--all", action="store_true", help="those that neither predict nor go on nor validate, too")
    args = parser.parse_args()
    pipelines = args.fate.resolve() / "examples" / "pipeline"
    chosen = []
    for script in sorted(pipelines.rglob("*.py")):
        name, text = str(script.relative_to(pipelines)), script.read_text()
        kinds = [kind for kind, sign in KINDS.items() if re.search(sign, text)]
        wanted = not args.names or any(part in name for part in args.names)
        if wanted and "FateFlowPipeline" in text and (kinds or args.all) and not name.startswith(NOT_PIPELINES):
            chosen.append((script, name, kinds))
    with tempfile.TemporaryDirectory(prefix="fate-examples-") as folder, site(Path(folder)) as flow:
        config = Path(folder) / "config.yaml"
        config.write_text("parties:\n  guest: ['9999']\n  host: ['10000', '9998']\n  arbiter: ['10000']\n")
        load(flow, args.fate.resolve())
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(lambda one: run(one[0], one[1], one[2], config), chosen))
    print("\n| example | | jobs | |", "|---|---|---|---|", *(one.row() for one in outcomes), sep="\n")
    failed = sum(one.problem is not None for one in outcomes)
    print(f"\n{len(outcomes) - failed} of {len(outcomes)} to their end")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
