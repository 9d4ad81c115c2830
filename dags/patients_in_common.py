"""How many patients do two parties have in common, without telling each other who the others are?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import dag, task
from example_tables import CLINIC, DAY, LABORATORY, load_small_tables

from airflow_provider_fate.jobs import Party, Psi
from airflow_provider_fate.operators.job import FateJobOperator


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "example"],
    doc_md="Private set intersection, from the recipe `Psi`: the shortest federated job there is.",
)
def patients_in_common() -> None:
    intersect = FateJobOperator(
        task_id="intersect",
        job=Psi(
            guest=Party(CLINIC, f"psi.clinic_{DAY}"),
            hosts=[Party(LABORATORY, f"psi.laboratory_{DAY}")],
        ),
    )

    @task
    def report(job: dict[str, Any]) -> int:
        common = int(job["metrics"]["psi_0.intersect_count"])
        print(
            f"{common} patients are known to both sides, {job['metrics']['psi_0.intersect_rate']:.1%} of the clinic's"
        )
        return common

    load_small_tables("psi") >> intersect
    report(intersect.output)


patients_in_common()
