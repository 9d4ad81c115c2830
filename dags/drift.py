"""Compare the patients of the day with those that the newest model was trained on, and train again if they differ."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import dag, get_current_context, task
from example_tables import CLINIC, CLINIC_COLUMNS, DAY, write_tables

from airflow_provider_fate.assets import model_asset
from airflow_provider_fate.operators.drift import FateDriftOperator
from airflow_provider_fate.operators.upload import FateUploadOperator

MODEL = model_asset(CLINIC, "malignancy")
REPORTS = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "fate_examples" / "drift"
"""Where the reports go; in production ``s3://...``."""


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10), "inlets": [MODEL]},
    tags=["fate", "federated learning", "example"],
    doc_md="""
### Train again when the data has drifted

Compares the clinic's patients of the day with the table that the newest model of `train_when_tables_arrive` was trained
on, column by column. If a column has drifted, that DAG is started. Before there is a model, this one does nothing. The
laboratory has such a DAG at its own site: neither sees what the other one finds.
""",
)
def drift() -> None:
    @task.short_circuit
    def is_there_a_model() -> bool:
        return len(get_current_context()["inlet_events"][MODEL]) > 0

    @task(multiple_outputs=True)
    def export_new_patients(day: str) -> dict[str, str]:
        """Stands for the export from the clinic's warehouse."""
        return write_tables(day, rows=200)

    files = export_new_patients(DAY)
    load = FateUploadOperator(
        task_id="load",
        source=files["clinic_holdout"],
        table=f"drift.clinic_{DAY}",
        match_id="patient",
        columns=[name.replace(" ", "_") for name in CLINIC_COLUMNS],  # without the diagnosis
    )
    compare = FateDriftOperator(
        task_id="compare",
        model=MODEL,
        current=load.output,
        min_rows=40,
        target=f"{REPORTS}/clinic_{DAY}",
    )

    @task.short_circuit
    def has_drifted(found: dict[str, Any]) -> bool:
        print(f"{found['verdict']}: {found['report_text']}")
        return bool(found["drifted"])

    retrain = TriggerDagRunOperator(task_id="retrain", trigger_dag_id="train_when_tables_arrive")

    is_there_a_model() >> files
    has_drifted(compare.output) >> retrain


drift()
