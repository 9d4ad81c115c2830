"""The Airflow of the trials: a real one that notices crashes within seconds instead of minutes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.localairflow import LocalAirflow, Postgres
from dev.postgres import LocalPostgres

DAGS = tuple(f"chaos_{work}_{mode}" for work in ("job", "upload") for mode in ("deferrable", "worker", "once"))
WORKERS = 10
"""More than there are cores: many trials keep a worker waiting."""

SETTINGS = {
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


@contextmanager
def chaos_airflow(home: Path) -> Iterator[LocalAirflow]:
    """Start it with a PostgreSQL of its own, and let its scheduler run the DAGs."""
    dags = Path(__file__).parent / "dags"
    with (
        LocalPostgres(home / "postgres") as server,
        LocalAirflow(home / "airflow", dags, database=Postgres(server), parallelism=WORKERS, env=SETTINGS) as airflow,
    ):
        for dag_id in DAGS:
            airflow.api.unpause(dag_id)
        yield airflow
