"""The whole way of an adapter, with nothing but real servers: two hospitals tune it, a person approves, it answers.

FATE with FATE-LLM, Airflow, and the chat server on this machine; the DAG is that of `dags/`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.local.paths import SERVICES_ENV
from dev.localairflow import AirflowApi, AirflowApiError, LocalAirflow, Postgres
from dev.postgres import LocalPostgres
from tests.e2e.conftest import ROOT, explain
from tests.support.evidence import watch
from tests.support.fate import RunningFate

pytestmark = [
    *(pytest.mark.airflow, pytest.mark.fate, pytest.mark.slow, pytest.mark.thorough),
    pytest.mark.timeout(3000),
]

DAG = "hospitals_adapter"
PATIENCE = 1500
SETTLE = 10
"""Seconds until the scheduler knows that a task waits. One that is answered before it takes for lost and asks again."""


@pytest.fixture(scope="module")
def api(
    fate_llm: RunningFate, postgres: LocalPostgres, services: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AirflowApi]:
    """An Airflow with this DAG, beside a FATE with FATE-LLM."""
    dags = tmp_path_factory.mktemp("adapter-dags")
    for name in ("example_notes.py", f"{DAG}.py", ".airflowignore"):
        shutil.copy(ROOT / "dags" / name, dags)
    env = {"AIRFLOW_CONN_FATE_DEFAULT": fate_llm.airflow_connection, SERVICES_ENV: str(services)}
    home: Path = tmp_path_factory.mktemp("airflow-adapter")
    watch("Airflow", home / "logs")
    with LocalAirflow(home, dags, database=Postgres(postgres, "adapter_airflow"), env=env) as running:
        assert running.api.import_errors() == {}
        yield running.api


def question(api: AirflowApi, run: str) -> dict[str, Any]:
    """What the approval asks, once it does."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            asked = dict(api.request("GET", f"/dags/{DAG}/dagRuns/{run}/taskInstances/approve/-1/hitlDetails"))
            time.sleep(SETTLE)
            return asked
        except AirflowApiError as error:
            if error.status != 404:  # nothing is asked yet
                raise
        assert api.run_state(DAG, run) not in ("success", "failed"), explain(api, DAG, run)
        assert time.monotonic() < end, explain(api, DAG, run)
        time.sleep(1)
