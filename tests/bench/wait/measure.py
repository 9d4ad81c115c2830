"""One measurement: a real triggerer, so many deferred task instances, a steady interval, and then jobs that end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from dev.localairflow.processes import Process
from dev.localairflow.settings import free_port
from tests.bench.wait import rows
from tests.bench.wait.figures import Figures, Load
from tests.bench.wait.modes import Mode

if TYPE_CHECKING:
    from dev.localairflow import LocalAirflow

FIRST_JOB = 202611240000000000
"""Three digits less than a real id has: Databricks' ids are numbers of 64 bits."""
SETTLE = 8.0
"""Seconds between the start of the last trigger and the steady interval: each asks a little more at its start."""
BLOCKED = "async thread was blocked"
PICK_UP = 600.0
"""Longest wait in seconds until all triggers run and have asked what they ask at their start."""
TASKS = "/v2/job/task/query"


@dataclass(frozen=True)
class Plan:
    """How long and how often is measured.

    :param interval: poll interval in seconds.
    :param steady: length of the steady interval in seconds.
    :param ending: seconds over which jobs end after it.
    :param enders: so many end at most.
    """

    interval: float = 2.0
    steady: float = 20.0
    ending: float = 15.0
    enders: int = 60


class Server:
    """The fake server's process, and what it is told and asked beside the triggerer's questions."""

    def __init__(self, port: int) -> None:
        self.port = port

    def call(self, path: str, body: object = None) -> Any:
        """Ask or tell it something."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/bench/{path}", data=data)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def asked(self) -> dict[str, int]:
        """Return the number of requests so far, by path."""
        return dict(self.call("asked"))


@contextmanager
def server(sites: int = 1) -> Iterator[Server]:
    """Run the server, which plays so many sites, as long as the block."""
    port = free_port()
    child = subprocess.Popen([sys.executable, "-m", "tests.bench.wait.server", str(port), str(sites)])
    try:
        for _ in range(100):
            with suppress(OSError):
                Server(port).asked()
                break
            time.sleep(0.1)
        yield Server(port)
    finally:
        child.terminate()
        child.wait()


def measure(airflow: LocalAirflow, server: Server, mode: Mode, jobs: int, plan: Plan) -> Figures:
    """Let `jobs` triggers of one kind wait, and look at what that costs."""
    run_id = f"{mode.name}_{jobs}_{time.time():.0f}"
    log = airflow.log_file("triggerer")
    log.unlink(missing_ok=True)
    rows.empty()
    job_ids = [str(FIRST_JOB + number) for number in range(jobs)]
    server.call("plan", dict.fromkeys(job_ids))
    triggerer = airflow.start_part("triggerer")
    try:
        _until(lambda: len(triggerer.family()) >= 2, PICK_UP, "the triggerer did not start")
        time.sleep(4)
        before, asked = load_of(triggerer), sum(server.asked().values())
        rows.defer([mode.trigger(job_id, None, plan.interval) for job_id in job_ids], run_id)
        logs = airflow.home / "logs" / f"dag_id={rows.DAG_ID}" / f"run_id={run_id}"
        _until(lambda: len(_trigger_logs(logs)) >= jobs, PICK_UP, "the triggerer did not start all triggers")
        time.sleep(SETTLE)
        if mode.asks:
            _until(lambda: _is_quiet(server), PICK_UP, None)
        at_start = sum(server.asked().values()) - asked
        steady = _steady(triggerer, server, plan.steady)
        ends = _let_end(server, mode, job_ids, run_id, plan)
        enders_run = run_id if mode.asks else f"{run_id}_ends"
        give_up = max(ends.values()) + 30
        _until(lambda: len(rows.resumed(enders_run)) >= len(ends), give_up - time.time(), None)
        resumed = rows.resumed(enders_run)
        fired = _fired(logs if mode.asks else logs.with_name(f"run_id={enders_run}"))
    finally:
        airflow.stop_part("triggerer")
    return Figures(
        mode=mode.name,
        jobs=jobs,
        interval=plan.interval,
        before=before,
        gap=_longest_gap(server, ends),
        at_start=at_start,
        fired=[fired[index] - end for index, end in ends.items() if index in fired],
        resumed=[resumed[index] - end for index, end in ends.items() if index in resumed],
        lost=len(ends.keys() - resumed.keys()),
        blocked=log.read_text(errors="replace").count(BLOCKED),
        **steady,
    )


def _is_quiet(server: Server) -> bool:
    """Whether only the looks are left of what is asked: at its start, each trigger asks for the tasks of its job."""
    before = server.asked()
    time.sleep(4)
    return server.asked().get(TASKS, 0) == before.get(TASKS, 0)


def _steady(triggerer: Process, server: Server, seconds: float) -> dict[str, Any]:
    asked, start, began = server.asked(), load_of(triggerer), time.monotonic()
    loads = []
    while time.monotonic() - began < seconds:
        time.sleep(0.1)  # much shorter than a poll interval: what a look needs for a moment counts, too
        loads.append(load_of(triggerer))
    end, later, took = load_of(triggerer), server.asked(), time.monotonic() - began
    return {
        "seconds": took,
        "asked": {path: later[path] - asked.get(path, 0) for path in later if later[path] > asked.get(path, 0)},
        "cpu_supervisor": (end.supervisor - start.supervisor) / took,
        "cpu_runner": (end.runner - start.runner) / took,
        "memory": fmean(load.memory for load in loads),
        "memory_runner": fmean(load.memory_runner for load in loads),
        "peak": max(load.memory for load in loads),
    }


def _let_end(server: Server, mode: Mode, job_ids: list[str], run_id: str, plan: Plan) -> dict[int, float]:
    """Let some jobs end one after the other; return the ends by map index.

    A timer's end is fixed when it is made, so these are timers of their own.
    """
    count = min(plan.enders, len(job_ids))
    first = time.time() + (3 if mode.asks else 8)
    ends = {index: first + plan.ending * index / count for index in range(count)}
    if mode.asks:
        server.call("ends", {job_ids[index]: end for index, end in ends.items()})
    else:
        rows.defer([mode.trigger("", end, plan.interval) for end in ends.values()], f"{run_id}_ends")
    return ends


def _longest_gap(server: Server, ends: dict[int, float]) -> float | None:
    """The longest pause between two looks, from the last one before the first end on."""
    first, last = min(ends.values()), max(ends.values())
    looks: list[float] = server.call("looks")
    pauses = [later - look for look, later in pairwise(looks) if later >= first and look <= last]
    return max(pauses, default=None)


def load_of(triggerer: Process) -> Load:
    """Return what the triggerer's processes have used."""
    supervisor, *children = triggerer.family()
    own, runner = supervisor.cpu_times(), [child.cpu_times() for child in children]
    return Load(
        supervisor=own.user + own.system,
        runner=sum(cpu.user + cpu.system for cpu in runner),
        memory_supervisor=supervisor.memory_info().rss,
        memory_runner=sum(child.memory_info().rss for child in children),
    )


def _trigger_logs(logs: Path) -> list[Path]:
    return list(logs.glob("task_id=*/map_index=*/*.trigger.*.log"))


def _fired(logs: Path) -> dict[int, float]:
    """When each trigger fired, as the triggerer logged it, by map index."""
    fired = {}
    for log in _trigger_logs(logs):
        index = int(log.parent.name.partition("=")[2])
        for line in log.read_text().splitlines():
            if "Trigger fired event" in line:
                fired[index] = datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
    return fired


def _until(is_so: Callable[[], bool], seconds: float, otherwise: str | None) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            if otherwise is None:
                return
            raise TimeoutError(otherwise)
        time.sleep(0.5)
