"""Train when the tables of both sides have arrived, whenever that is: one DAG loads them, another waits for both."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import dag, get_current_context, task
from example_tables import CLINIC, DAY, LABORATORY, write_tables

from airflow_provider_fate.assets import model_asset, newest_event, newest_table, table_asset
from airflow_provider_fate.jobs import HeteroSecureBoost, Party, Psi
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.psi import FatePsiOperator
from airflow_provider_fate.operators.upload import FateUploadOperator

PATIENTS = table_asset(CLINIC, "arrivals.clinic")
MEASUREMENTS = table_asset(LABORATORY, "arrivals.laboratory")
MODEL = model_asset(CLINIC, "malignancy")

RETRIES: dict[str, Any] = {"retries": 1, "retry_delay": timedelta(seconds=10)}


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args=RETRIES,
    tags=["fate", "example"],
    doc_md="Loads the tables of the day. Each upload tells its asset which table has come; who waits for it, starts.",
)
def tables_arrive() -> None:
    @task(multiple_outputs=True)
    def export_tables(day: str) -> dict[str, str]:
        """Stands for the export from each side's warehouse."""
        return write_tables(day, rows=200)

    files = export_tables(DAY)
    FateUploadOperator(
        task_id="load_clinic",
        source=files["clinic_train"],
        table=f"arrivals.clinic_{DAY}",
        match_id="patient",
        label="malignant",
        outlets=[PATIENTS],
    )
    FateUploadOperator(
        task_id="load_laboratory",
        source=files["laboratory_train"],
        table=f"arrivals.laboratory_{DAY}",
        match_id="patient",
        outlets=[MEASUREMENTS],
    )


@dag(
    schedule=[PATIENTS, MEASUREMENTS],
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args=RETRIES | {"inlets": [PATIENTS, MEASUREMENTS]},
    tags=["fate", "federated learning", "example"],
    doc_md="""
### Train on what has just arrived

Runs when both tables have been loaded anew. First it makes sure that the two sides know enough patients in common: a
job of some seconds. A run that somebody starts by hand takes the newest tables that there are.
""",
)
def train_when_tables_arrive() -> None:
    @task.short_circuit
    def has_anything_arrived() -> bool:
        """A run that is started by hand before the first tables have come has nothing to do."""
        events = get_current_context()["inlet_events"]
        return all(len(events[asset]) for asset in (PATIENTS, MEASUREMENTS))

    clinic = Party(CLINIC, newest_table(PATIENTS))
    laboratory = Party(LABORATORY, newest_table(MEASUREMENTS))

    overlap = FatePsiOperator(
        task_id="overlap",
        job=Psi(guest=clinic, hosts=[laboratory]),
        min_overlap=50,
        min_share=0.5,
    )
    train = FateJobOperator(
        task_id="train",
        job=HeteroSecureBoost(guest=clinic, hosts=[laboratory], num_trees=2, max_depth=3, max_bin=8),
        outlets=[MODEL],
    )

    @task
    def report(job: dict[str, Any]) -> dict[str, Any]:
        rows = {asset.uri: newest_event(get_current_context(), asset)["rows"] for asset in (PATIENTS, MEASUREMENTS)}
        print(f"AUC {job['metrics']['auc']:.4f}, trained on {rows}: FATE job {job['job_id']}")
        return {"auc": job["metrics"]["auc"], "rows": rows}

    has_anything_arrived() >> overlap >> train
    report(train.output)


tables_arrive()
train_when_tables_arrive()
