"""Whenever the hospitals have a new champion: score patients with it, into the warehouse."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task
from example_hospitals import CHAMPION, LAKE, NAME, NORTH, REGISTRY, SOUTH, WAREHOUSE, write_hospitals
from example_tables import DAY

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
### The champion has changed: score again, into a database

Needs the connections `aws_default`, `mlflow_default` and `warehouse` (a PostgreSQL). `hospitals_champion` tells the
asset of the model whenever the alias *champion* moves. The version that MLflow has now scores the north's patients of
the day; the scores replace those of before in the table of the day.
""",
)
def hospitals_scores() -> None:
    @task(multiple_outputs=True)
    def export_new_patients(day: str) -> dict[str, str]:
        return write_hospitals(day, f"{LAKE}/new")

    files = export_new_patients(DAY)
    tables = {
        party: FateUploadOperator(
            task_id=f"load_{side}",
            source=files[f"{side}_holdout"],
            table=f"hospitals.{side}_new_{DAY}",
            match_id="patient",
            label="malignant",
            if_exists="replace",
        ).output
        for party, side in ((NORTH, "north"), (SOUTH, "south"))
    }
    score = FatePredictOperator(
        task_id="score",
        model={"registry": REGISTRY, "name": NAME, "alias": "champion"},
        tables=tables,
        if_no_model="skip",
    )
    written = FateDownloadOperator(
        task_id="write_scores",
        table="{{ ti.xcom_pull('score')['table'] }}",
        columns=["patient", "predict_score"],
        sql_conn_id=WAREHOUSE,
        sql_table=f"malignancy_{DAY}",
        if_exists="replace",
        expected_rows="{{ ti.xcom_pull('score')['rows'] }}",
    )
    score >> written


hospitals_scores()
