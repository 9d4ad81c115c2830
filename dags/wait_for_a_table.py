"""Go on when a table has come that somebody else brings: a partner's script, a person, another scheduler."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import dag, task
from example_tables import DAY, write_tables

from airflow_provider_fate.sensors.table import FateTableSensor


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "example"],
    doc_md="`FateTableSensor` waits until a site has a table with enough rows that was made after the run began.",
)
def wait_for_a_table() -> None:
    @task
    def somebody_loads_a_table(day: str) -> str:
        """Stands for the other one: a script would do just this."""
        from airflow_provider_fate.clients.fate_flow import FlowClient
        from airflow_provider_fate.clients.fate_flow.models import UploadMeta
        from airflow_provider_fate.hooks.flow import FateFlowHook

        file = write_tables(day, rows=200)["laboratory_train"]
        meta = UploadMeta(match_id_name="patient")
        with FlowClient(FateFlowHook("fate_default").site().settings()) as flow:
            return flow.data.upload_file(file, namespace="waited", name=f"laboratory_{day}", meta=meta).job_id

    wait = FateTableSensor(
        task_id="wait",
        table=f"waited.laboratory_{DAY}",
        min_rows=100,
        newer_than="{{ dag_run.start_date }}",
        timeout=timedelta(hours=2),
        poke_interval=5,
    )

    @task
    def report(table: dict[str, Any]) -> int:
        print(f"{table['namespace']}.{table['name']}: {table['count']} rows of {', '.join(table['columns'])}")
        return int(table["count"])

    somebody_loads_a_table(DAY) >> wait  # only begun by then: FATE takes some seconds to make a table
    report(wait.output)


wait_for_a_table()
