"""One trial while it is played: its DAG run, its proxy, its FATE-Flow, and what can be done to them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]

from dev.localairflow import AirflowApi, AirflowApiError, LocalAirflow
from dev.localairflow.api import TASK_FINISHED
from tests.chaos.proxy import Harm, Proxy, Rule
from tests.chaos.site import FakeSite, RealSite, SeenJob, Site

TASK = "work"
ROWS = 40
PATIENCE = 240.0
"""Seconds for one step of a trial on a busy machine."""


class TrialTroubled(Exception):
    """A trial could not be played as it is written: nothing is known about the provider then."""


@dataclass
class Scene:
    """What a trial's play works with.

    :param airflow: the Airflow that all trials share.
    :param site: the FATE-Flow of this trial.
    :param dag_id: `chaos_job_*` or `chaos_upload_*`.
    :param run_id: of this trial's run, unique in the Airflow.
    :param folder: for the trial's files.
    :param meet: waits for the other trials that the same crash of a part of Airflow shall hit.
    """

    airflow: LocalAirflow
    site: Site
    dag_id: str
    run_id: str
    folder: Path
    meet: Callable[[str], None] = lambda crash: None
    proxy: Proxy = field(init=False)

    def __post_init__(self) -> None:
        self.proxy = Proxy(self.site.address)

    # --- the run ---------------------------------------------------------------------------------------------

    @property
    def api(self) -> AirflowApi:
        """Airflow's REST API."""
        return self.airflow.api

    @property
    def is_upload(self) -> bool:
        """Whether the trial is an upload, else it is a job."""
        return "_upload_" in self.dag_id

    @property
    def is_deferrable(self) -> bool:
        """Whether the task waits in the triggerer."""
        return self.dag_id.endswith("_deferrable")

    @property
    def submit_path(self) -> str:
        """The request that creates the job."""
        return "/data/component/upload/file" if self.is_upload else "/job/submit"

    def start(self) -> None:
        """Start the run, on a connection through the proxy."""
        conn_id = f"conn_{self.run_id}"
        extra = {"party_id": "9999", "role": "guest", "timeout": 4}
        connection = {"connection_id": conn_id, "conn_type": "fate", "host": "127.0.0.1", "port": self.proxy.port}
        self.patiently(lambda: self.api.request("POST", "/connections", connection | {"extra": json.dumps(extra)}))
        conf: dict[str, Any] = {"conn_id": conn_id}
        if self.is_upload:
            source = self.folder / f"{self.run_id}.csv"
            source.write_text("id,y,x0\n" + "".join(f"{i},{i % 2},{i / 10}\n" for i in range(ROWS)))
            conf |= {"source": str(source), "table": f"chaos.{self.run_id}"}
        body = {"logical_date": None, "conf": conf, "dag_run_id": self.run_id}
        self.patiently(lambda: self.api.request("POST", f"/dags/{self.dag_id}/dagRuns", body))

    def task(self) -> dict[str, Any]:
        """The task instance, as Airflow's API has it; empty while the API cannot be asked."""
        with contextlib.suppress(httpx.HTTPError, AirflowApiError):
            path = f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{TASK}"
            return dict(self.api.request("GET", path))
        return {}

    def wait_task(self, *states: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """Wait until the task is in one of the states."""
        found: dict[str, Any] = {}

        def there() -> bool:
            found.update(self.task())
            over = found.get("state") in TASK_FINISHED and not set(states) & TASK_FINISHED
            if over:
                raise TrialTroubled(f"the task is {found['state']} already, and was to be seen as {states}")
            return found.get("state") in states

        self.wait_until(there, f"the task is {' or '.join(states)}", seconds)
        return found

    def wait_until_it_waits(self) -> None:
        """Wait until what waits for the job, the triggerer or the worker, has reported its first look."""
        # Submitting, too, may ask for jobs; only a report asks for their tasks.
        self.wait_requests("/job/task/query", 1)
        if self.is_deferrable:
            self.wait_task("deferred")

    def mark(self, state: str) -> None:
        """Mark the task, as a user does."""
        self.patiently(lambda: self.api.mark(self.dag_id, self.run_id, TASK, state))

    def clear(self) -> None:
        """Clear the task, as a user does."""
        self.patiently(lambda: self.api.clear(self.dag_id, self.run_id, [TASK]))

    # --- the way to FATE-Flow --------------------------------------------------------------------------------

    def harm(self, path: str, harm: Harm, times: int = 1, seconds: float = 0.0) -> Rule:
        """Order some harm of the proxy."""
        return self.proxy.harm(path, harm, times, seconds)

    def wait_requests(self, path: str, count: int, seconds: float = PATIENCE) -> None:
        """Wait until a path was asked for so many times."""
        if not self.proxy.wait_for(lambda: self.proxy.count(path) >= count, seconds):
            raise TrialTroubled(f"{path} was asked for {self.proxy.count(path)} times, not {count}")

    def wait_spent(self, rule: Rule, seconds: float = PATIENCE) -> None:
        """Wait until a rule has done its harm."""
        if not self.proxy.wait_for(lambda: rule.is_spent, seconds):
            raise TrialTroubled(f"{rule.harm.name} of {rule.path} has {rule.left} times to go")

    def wait_reached(self, rule: Rule, seconds: float = PATIENCE) -> None:
        """Wait until a request is held by a rule."""
        if not rule.reached.wait(seconds):
            raise TrialTroubled(f"nobody came to {rule.harm.name} of {rule.path}")

    @property
    def fake(self) -> FakeSite:
        """The fake FATE-Flow of this trial."""
        assert isinstance(self.site, FakeSite), "this trial is for the fake only"
        return self.site

    @property
    def real(self) -> RealSite:
        """The real FATE-Flow."""
        assert isinstance(self.site, RealSite), "this trial is for a real FATE only"
        return self.site

    # --- processes -------------------------------------------------------------------------------------------

    def kill_task_process(self) -> None:
        """Kill -9 the process in which the operator runs, as the kernel does when memory runs out."""
        os.kill(self._task_pid(), signal.SIGKILL)

    def kill_worker(self) -> None:
        """Kill -9 it and the worker that supervises it, as when a machine is lost: nobody reports the end."""
        task = psutil.Process(self._task_pid())
        worker = task.parent()
        if worker is None or "airflow worker" not in " ".join(worker.cmdline()):
            raise TrialTroubled(f"the parent of the task's process is no worker: {worker}")
        for process in (worker, task):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _task_pid(self) -> int:
        pid = self.wait_task("running").get("pid")
        if not pid:
            raise TrialTroubled("Airflow does not know the process of the running task")
        return int(pid)

    # --- waiting ---------------------------------------------------------------------------------------------

    def wait_until(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
        """Wait until something is true."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise TrialTroubled(f"not within {seconds:.0f} s: {what}")
            time.sleep(1.0)

    def patiently(self, call: Callable[[], object]) -> None:
        """Repeat an order to Airflow while it cannot be reached: its API server may be what was killed."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                call()
                return
            except (httpx.HTTPError, AirflowApiError) as e:
                if isinstance(e, AirflowApiError) and e.status == httpx.codes.CONFLICT:
                    return  # a repeated order, the first of which was carried out
                if time.monotonic() > end or (isinstance(e, AirflowApiError) and e.status < 500):
                    raise
            time.sleep(1.0)

    # --- what a person wants to see ----------------------------------------------------------------------------

    def jobs(self) -> list[SeenJob]:
        """The trial's jobs on the server."""
        return self.site.jobs()

    def report(self) -> str:
        """The server's jobs, the last requests, and the log of each try."""
        tries = int(self.task().get("try_number") or 1)
        lines = [f"--- jobs on the server of {self.run_id}", *map(str, self.jobs())]
        lines += ["--- requests, the latest last", *self.proxy.seen[-60:]]
        for number in range(1, tries + 1):
            lines += [f"--- log of try {number}", *self._log(number)]
        return "\n".join(lines)

    def _log(self, number: int) -> Iterable[str]:
        try:
            return self.api.log(self.dag_id, self.run_id, TASK, number).splitlines()[-80:]
        except (AirflowApiError, httpx.HTTPError) as e:
            return [f"(not readable: {e})"]
