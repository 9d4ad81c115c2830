"""Airflow as the file has it, with two workers: the main DAG, one of the workers killed in the middle."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.airflow import SETTINGS
from tests.deploy.compose import ROOT
from tests.deploy.engine import Engine

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.fate,
    pytest.mark.slow,
    pytest.mark.thorough,
    pytest.mark.timeout(3000),
]

MAIN = "nightly_breast_cancer"
WORKERS = ("airflow-worker", "airflow-worker-2")
# A lost worker is noticed within a minute instead of five, and this machine may be slow.
SOONER = SETTINGS | {
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "120",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "120",
    "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "180",
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
    # One would start beside the run that a test wants, as soon as its DAG is unpaused.
    "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
    "AIRFLOW__API__WORKERS": "1",
}


@pytest.fixture(scope="module")
def engine(services: Callable[..., Any]) -> Iterator[Engine]:
    """All services; a second worker as `docker compose up --scale airflow-worker=2` makes it."""
    home, found = services("fate")
    second = dataclasses.replace(found["airflow-worker"], name=WORKERS[1])
    overrides = {name: SOONER for name in (*found, WORKERS[1]) if "airflow" in name}
    # In containers of their own both can listen on the same port.
    overrides[WORKERS[1]] = SOONER | {"AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": "8795"}
    with Engine(home, found | {WORKERS[1]: second}, overrides).running() as running:
        yield running


class Play:
    """A DAG run in the room, watched from here."""

    def __init__(self, engine: Engine, dag_id: str, conf: dict[str, Any] | None = None) -> None:
        self.engine, self.dag_id = engine, dag_id
        env = {
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(engine.home),
            "PYTHONPATH": str(ROOT),
            "ADMIN_PASSWORD": engine.services["airflow-migrate"].environment["ADMIN_PASSWORD"],
        }
        self.env = env
        self.said: list[dict[str, Any]] = []
        self._command = [sys.executable, "-m", "tests.deploy.play", "run", dag_id, json.dumps(conf or {})]

    def watch(self) -> Iterator[dict[str, Any]]:
        """Run it, and tell each change of a task; the last line is about the end."""
        command = self.engine.room.inside(self._command, "visitor", self.engine.home)
        with subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, text=True, cwd=self.engine.home) as child:
            assert child.stdout is not None
            for line in child.stdout:
                self.said.append(json.loads(line))
                yield self.said[-1]
        assert child.returncode == 0, self.said

    def ask(self, *words: str) -> dict[str, Any]:
        """Another question of `tests.deploy.play`."""
        done = self.engine.room.run(
            [sys.executable, "-m", "tests.deploy.play", *words], self.env, Path(self.engine.home), timeout=120
        )
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))


def freeze_and_kill(engine: Engine, play: Play, found: dict[str, Any]) -> bool:
    """Kill the worker of a task that runs, if it still does.

    Stopped first: otherwise the task could end between the look and the kill, and nothing would be lost.
    """
    victim = engine.processes[found["host"]]
    victim.kill(signal.SIGSTOP)
    states = play.ask("states", play.dag_id)["states"]
    if [found["host"], "running"] in states:
        engine.kill(found["host"])
        return True
    victim.kill(signal.SIGCONT)
    return False


def test_the_main_dag_survives_the_loss_of_a_worker(engine: Engine) -> None:
    play = Play(engine, MAIN, {"trees": 3})
    lost: dict[str, Any] = {}
    for found in play.watch():
        is_load = str(found.get("task", "")).startswith("load_")
        if not lost and is_load and found["state"] == "running" and freeze_and_kill(engine, play, found):
            lost = found
    assert lost, "no worker was caught at work"
    ended = play.said[-1]
    assert ended["end"] == "success", ended["logs"]
    hosts = {found["host"] for found in play.said if found.get("state") == "success"}
    survivor = next(name for name in WORKERS if name != lost["host"])
    assert survivor in hosts
    again = play.ask("result", MAIN, ended["run"], lost["task"])
    assert again["tries"] == 2, "the task of the lost worker ran once more"
    report = play.ask("result", MAIN, ended["run"], "report")
    assert report["value"]["auc_joint"] > report["value"]["auc_alone"]
    assert "clinic and laboratory" in report["log"], "its log is shown, whichever worker has written it"
    # Whatever the lost worker had begun was found again, and nothing was submitted twice.
    assert play.ask("jobs", "fate", "9380")["jobs"] == {"upload success": 4, "training success": 1}
