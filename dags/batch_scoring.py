"""Score the patients of the day with the newest model, and write the scores into a file."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import dag, get_current_context, task
from example_tables import CLINIC, CLINIC_COLUMNS, DAY, LABORATORY, write_tables

from airflow_provider_fate.assets import model_asset
from airflow_provider_fate.operators.download import FateDownloadOperator
from airflow_provider_fate.operators.predict import FatePredictOperator
from airflow_provider_fate.operators.upload import FateUploadOperator

MODEL = model_asset(CLINIC, "malignancy")
SCORES = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "fate_examples" / "scores"
"""Where the scores go; in production ``s3://...``, or a table of a database."""


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10), "inlets": [MODEL]},
    tags=["fate", "federated learning", "example"],
    doc_md="""
### Score new patients with the newest model

`train_when_tables_arrive` trains the model, and tells its asset. This DAG scores patients whose diagnosis is not known
yet: it loads their tables on both sides, runs the predict job of the model's training, and writes the scores of the day
into a file. Before there is a model it does nothing.
""",
)
def batch_scoring() -> None:
    @task.short_circuit
    def is_there_a_model() -> bool:
        return len(get_current_context()["inlet_events"][MODEL]) > 0

    @task(multiple_outputs=True)
    def export_new_patients(day: str) -> dict[str, str]:
        """Stands for the export from each side's warehouse."""
        return write_tables(day, rows=200)

    files = export_new_patients(DAY)
    clinic = FateUploadOperator(
        task_id="load_clinic",
        source=files["clinic_holdout"],
        table=f"scoring.clinic_{DAY}",
        match_id="patient",
        columns=[name.replace(" ", "_") for name in CLINIC_COLUMNS],  # without the diagnosis
    )
    laboratory = FateUploadOperator(
        task_id="load_laboratory",
        source=files["laboratory_holdout"],
        table=f"scoring.laboratory_{DAY}",
        match_id="patient",
    )
    score = FatePredictOperator(
        task_id="score",
        model=MODEL,
        tables={CLINIC: clinic.output, LABORATORY: laboratory.output},
        min_overlap=20,
    )
    written = FateDownloadOperator(
        task_id="write_scores",
        table="{{ ti.xcom_pull('score')['table'] }}",
        columns=["patient", "predict_score", "predict_result"],
        target=f"{SCORES}/malignancy_{DAY}.csv",
        expected_rows="{{ ti.xcom_pull('score')['rows'] }}",
    )

    @task
    def report(scored: dict[str, Any], written: dict[str, Any]) -> dict[str, Any]:
        print(f"{written['rows']} patients scored by the model of job {scored['trained_by']}: {written['target']}")
        return {"rows": written["rows"], "target": written["target"], "trained_by": scored["trained_by"]}

    is_there_a_model() >> files
    score >> written
    report(score.output, written.output)


batch_scoring()
