"""Run a fate-client script that exists already, as it is."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import dag
from example_tables import DAY, load_small_tables

from airflow_provider_fate.operators.pipeline import FatePipelineOperator


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "example"],
    doc_md="`FatePipelineOperator` runs a script up to its `fit()`, and runs the job that this would have submitted.",
)
def run_a_script() -> None:
    overlap = FatePipelineOperator(
        task_id="overlap",
        script=str(Path(__file__).parent / "scripts" / "patients_in_common.py"),
        script_args=["script", DAY],
    )
    load_small_tables("script") >> overlap


run_a_script()
