"""Whenever there is a new champion: score the patients of the day with it."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task
from example_models import CHAMPION, HOME, NAME, REGISTRY
from example_tables import CLINIC, CLINIC_COLUMNS, DAY, LABORATORY, write_tables

from airflow_provider_fate.operators.download import FateDownloadOperator
from airflow_provider_fate.operators.predict import FatePredictOperator
from airflow_provider_fate.operators.upload import FateUploadOperator


@dag(
    schedule=[CHAMPION],
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "federated learning", "example"],
    doc_md="""
### The champion has changed: score again

`retrain_and_promote` tells the asset of the model whenever the alias *champion* moves. This DAG scores patients whose
diagnosis is not known yet with the version that the registry has now. Started by hand before there is a champion, it
does nothing.
""",
)
def score_with_champion() -> None:
    @task(multiple_outputs=True)
    def export_new_patients(day: str) -> dict[str, str]:
        """Stands for the export from each side's warehouse."""
        return write_tables(day, rows=200)

    files = export_new_patients(DAY)
    clinic = FateUploadOperator(
        task_id="load_clinic",
        source=files["clinic_holdout"],
        table=f"champion.clinic_{DAY}",
        match_id="patient",
        columns=[name.replace(" ", "_") for name in CLINIC_COLUMNS],  # without the diagnosis
    )
    laboratory = FateUploadOperator(
        task_id="load_laboratory",
        source=files["laboratory_holdout"],
        table=f"champion.laboratory_{DAY}",
        match_id="patient",
    )
    score = FatePredictOperator(
        task_id="score",
        model={"registry": REGISTRY, "name": NAME, "alias": "champion"},
        tables={CLINIC: clinic.output, LABORATORY: laboratory.output},
        if_no_model="skip",
    )
    written = FateDownloadOperator(
        task_id="write_scores",
        table="{{ ti.xcom_pull('score')['table'] }}",
        columns=["patient", "predict_score"],
        target=f"{HOME}/scores/{NAME}_{DAY}_version_{{{{ ti.xcom_pull('score')['registered']['version'] }}}}.csv",
    )
    score >> written


score_with_champion()
