"""The Airflow of the trials: a real one that notices crashes within seconds instead of minutes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.localairflow import LocalAirflow
from dev.localairflow.processes import Process

DAGS = tuple(f"chaos_{work}_{mode}" for work in ("job", "upload") for mode in ("deferrable", "worker"))
WORKERS = 10
"""More than there are cores: many trials keep a worker waiting."""

SETTINGS = {
    # A pool of 15 connections is what SQLite gets otherwise. When so many tasks report at once, an order in the API
    # server's event loop waits for one, and those that have one wait for that loop: for 30 s.
    "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_ENABLED": "False",
    "AIRFLOW__FATE__POLL_INTERVAL": "0.5",
    # A lost worker is noticed by the absence of its heartbeat: after 300 s by default.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "45",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "3",
    "AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS": "20",
    # So are a lost scheduler and triggerer.
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "20",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
}


class ImpatientApiServer(LocalAirflow):
    """An Airflow whose API server gives up a locked SQLite after some seconds.

    The server notes each order of a user in the database from within its event loop. While a task's request holds the
    lock, and needs that loop to let it go, both would wait for the whole time limit: a minute. The order is repeated.
    """

    _starting = ""

    def start_part(self, part: str) -> Process:
        """Start one part."""
        self._starting = part
        try:
            return super().start_part(part)
        finally:
            self._starting = ""

    def environment(self) -> dict[str, str]:
        """The environment of the part that is being started."""
        env = super().environment()
        if self._starting == "api-server":
            env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{self.settings.database}?timeout=2"
        return env


@contextmanager
def chaos_airflow(home: Path) -> Iterator[LocalAirflow]:
    """Start it, and let its scheduler run the DAGs."""
    airflow = ImpatientApiServer(home, Path(__file__).parent / "dags", parallelism=WORKERS, env=SETTINGS)
    with airflow:
        for dag_id in DAGS:
            airflow.api.unpause(dag_id)
        yield airflow
