"""One job, one upload; waited for in the triggerer or in the worker. A run's conf says on which site."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import DAG

from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.upload import FateUploadOperator

RETRIES = 8  # a task that cannot reach a killed API server uses some of them up
MODES = {"deferrable": (True, RETRIES), "worker": (False, RETRIES), "once": (False, 0)}
for mode, (deferrable, retries) in MODES.items():
    common: dict[str, Any] = {
        "task_id": "work",
        "fate_conn_id": "{{ params.conn_id }}",
        "deferrable": deferrable,
        "retries": retries,
        "retry_delay": timedelta(seconds=1),
    }
    settings: dict[str, Any] = {
        "schedule": None,
        "start_date": datetime(2026, 1, 1),
        "max_active_runs": 500,
        "max_active_tasks": 500,
        "params": {"conn_id": "nowhere", "table": "chaos.none", "source": "none.csv"},
    }
    with DAG(f"chaos_job_{mode}", **settings):
        FateJobOperator(
            job=Psi(guest=Party("9999", "chaos.guest"), hosts=[Party("10000", "chaos.host")]),
            # A real FATE-Flow that is killed between two tasks may never begin the second one.
            stall_timeout=timedelta(seconds=90),
            **common,
        )
    with DAG(f"chaos_upload_{mode}", **settings):
        FateUploadOperator(source="{{ params.source }}", table="{{ params.table }}", label="y", **common)
