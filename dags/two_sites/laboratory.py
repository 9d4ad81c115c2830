"""The host's half of two sites: load the laboratory's tables, and publish them to the clinic for a day."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import dag, task
from example_tables import CLINIC, DAY, write_tables

from airflow_provider_fate.operators.permission import FateGrantOperator, FateRevokeOperator
from airflow_provider_fate.operators.upload import FateUploadOperator

CONNECTION = "fate_10000"
TABLES = [f"laboratory.train_{DAY}", f"laboratory.holdout_{DAY}"]


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "federated learning", "two sites"],
    doc_md="""
### The laboratory's side

The laboratory knows its own FATE site only. It loads the tables of the day, and lets the clinic use them, with the
components that were agreed, until the day is over: nothing else of the laboratory's can be named in the clinic's jobs.
`withdraw` runs whatever became of the tasks before it.
""",
)
def two_sites_laboratory() -> None:
    @task
    def export(day: str) -> dict[str, str]:
        """Stands for the export from the laboratory's warehouse."""
        return {name: path for name, path in write_tables(day).items() if name.startswith("laboratory")}

    files = export(DAY)
    loads = [
        FateUploadOperator(
            task_id=f"load_{part}",
            fate_conn_id=CONNECTION,
            source=files[f"laboratory_{part}"],
            table=f"laboratory.{part}_{DAY}",
            match_id="patient",
        )
        for part in ("train", "holdout")
    ]
    publish = FateGrantOperator(
        task_id="publish",
        fate_conn_id=CONNECTION,
        partner=CLINIC,
        tables=TABLES,
        components=["psi", "hetero_secureboost", "evaluation"],
    )
    window = TimeDeltaSensor(task_id="window", delta=timedelta(days=1), deferrable=True)
    withdraw = FateRevokeOperator(task_id="withdraw", fate_conn_id=CONNECTION, partner=CLINIC, tables=TABLES)

    loads >> publish >> window >> withdraw.as_teardown(setups=publish)


two_sites_laboratory()
