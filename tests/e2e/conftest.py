"""One real Airflow for all end-to-end tests: the DAGs of `dags/`, against a real FATE."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.local.paths import SERVICES_ENV
from airflow_provider_fate.local.services import all_services
from dev.localairflow import AirflowApi, LocalAirflow, Postgres
from dev.postgres import LocalPostgres
from tests.support.evidence import watch
from tests.support.fate import RunningFate

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DAGs of the project, and those of these tests."""
    folder = tmp_path_factory.mktemp("dags")
    shutil.copytree(ROOT / "dags", folder, dirs_exist_ok=True)
    shutil.copytree(Path(__file__).parent / "dags", folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where DAGs start notebooks and other servers of this machine, all of which end with the tests."""
    home = tmp_path_factory.mktemp("services")
    yield home
    for service in all_services(home):
        service.remove()


@pytest.fixture(scope="session")
def airflow(
    fate_full: RunningFate,
    dags: Path,
    postgres: LocalPostgres,
    services: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LocalAirflow]:
    """A running Airflow whose scheduler starts no run by itself."""
    env = {
        "AIRFLOW_CONN_FATE_DEFAULT": fate_full.airflow_connection,
        SERVICES_ENV: str(services),
        # Otherwise a DAG with a schedule runs as soon as it is unpaused, beside the run that a test wants.
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
    }
    home = tmp_path_factory.mktemp("airflow")
    watch("Airflow", home / "logs")
    with LocalAirflow(home, dags, database=Postgres(postgres, "airflow"), env=env) as running:
        yield running


@pytest.fixture(scope="session")
def airflow_at_rest(
    fate_full: RunningFate,
    dags: Path,
    postgres: LocalPostgres,
    services: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> LocalAirflow:
    """An Airflow of which nothing runs: a scheduler would take the tasks of ``airflow dags test`` out of its hands."""
    env = {"AIRFLOW_CONN_FATE_DEFAULT": fate_full.airflow_connection, SERVICES_ENV: str(services)}
    home = tmp_path_factory.mktemp("airflow-at-rest")
    watch("Airflow", home / "logs")
    prepared = LocalAirflow(home, dags, database=Postgres(postgres, "at_rest"), env=env)
    prepared.prepare()
    done = prepared.command("dags", "reserialize")
    assert done.returncode == 0, done.stdout + done.stderr
    return prepared


@pytest.fixture(scope="session")
def api(airflow: LocalAirflow) -> AirflowApi:
    """Its REST API."""
    return airflow.api


@pytest.fixture(scope="session")
def flow(fate_full: RunningFate) -> Iterator[FlowClient]:
    """FATE-Flow itself, to see what a DAG has really done there."""
    with FlowClient(FlowSettings(host=fate_full.host, port=fate_full.port)) as client:
        yield client


def explain(api: AirflowApi, dag_id: str, run_id: str) -> str:
    """Return the logs of a run's failed tasks, for the message of a failed assertion."""
    logs = [
        f"{task.task_id}:\n{api.log(dag_id, run_id, task.task_id, task.try_number)}"
        for task in api.tasks(dag_id, run_id)
        if task.state == "failed"
    ]
    return "\n".join(logs) or f"{dag_id} {run_id}: no task failed"
