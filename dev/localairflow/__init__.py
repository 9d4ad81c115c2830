"""A complete Airflow on this machine: API server with UI, scheduler, DAG processor and triggerer as plain processes.

It is a real one, not a test double: DAGs are parsed by the DAG processor, tasks run in processes of the LocalExecutor,
deferred tasks wait in the triggerer. All parts listen on loopback only, have their own ``AIRFLOW_HOME`` and disappear
without a trace when they are stopped.

* `LocalAirflow` starts and stops it: as a context manager in tests, or detached for ``make up``.
* `Postgres` gives it a database that deployments have; without one it has SQLite.
* `AirflowApi` speaks to its REST API, or to that of any other Airflow 3.
"""

from dev.localairflow.api import AirflowApi, AirflowApiError, DagImportError, TaskInstance
from dev.localairflow.database import Postgres
from dev.localairflow.server import AirflowStartError, LocalAirflow

__all__ = [
    "AirflowApi",
    "AirflowApiError",
    "AirflowStartError",
    "DagImportError",
    "LocalAirflow",
    "Postgres",
    "TaskInstance",
]
