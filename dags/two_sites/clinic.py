"""The guest's half of two sites: load the clinic's tables, and train with a laboratory that it cannot see."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag, task
from example_tables import CLINIC, DAY, LABORATORY, write_tables

from airflow_provider_fate.jobs import Evaluation, HeteroSecureBoost, Party
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.upload import FateUploadOperator

CONNECTION = "fate_9999"


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "federated learning", "two sites"],
    params={
        "trees": Param(
            5,
            type="integer",
            minimum=1,
            maximum=500,
            title="Trees",
            description="How many trees are trained one after the other, 1 to 500.",
        ),
    },
    doc_md="""
### The clinic's side

The clinic knows its own FATE site, and nothing of the laboratory's but its party id and the names of its tables. When
the laboratory has not loaded or published the tables of the day, or its site is away, `train` waits, without a worker,
and tries again: `wait_for_partners`.
""",
)
def two_sites_clinic() -> None:
    @task
    def export(day: str) -> dict[str, str]:
        """Stands for the export from the clinic's warehouse."""
        return {name: path for name, path in write_tables(day).items() if name.startswith("clinic")}

    files = export(DAY)
    loads = [
        FateUploadOperator(
            task_id=f"load_{part}",
            fate_conn_id=CONNECTION,
            source=files[f"clinic_{part}"],
            table=f"clinic.{part}_{DAY}",
            match_id="patient",
            label="malignant",
        )
        for part in ("train", "holdout")
    ]
    train = FateJobOperator(
        task_id="train",
        fate_conn_id=CONNECTION,
        job=HeteroSecureBoost(
            guest=Party(CLINIC, f"clinic.train_{DAY}", holdout_table=f"clinic.holdout_{DAY}"),
            hosts=[Party(LABORATORY, f"laboratory.train_{DAY}", holdout_table=f"laboratory.holdout_{DAY}")],
            num_trees="{{ params.trees }}",
            max_depth=3,
            max_bin=16,
            evaluation=Evaluation(metrics=["auc"]),
        ),
        wait_for_partners=timedelta(hours=6),
        waiting_timeout=timedelta(minutes=30),
        stall_timeout=timedelta(minutes=15),
    )

    @task
    def report(job: dict[str, Any]) -> dict[str, Any]:
        """Show how well the model judges patients that it has not seen."""
        auc = job["metrics"]["evaluation_0.sbt_0_validate.test_set.auc"]
        print(f"AUC on held-out patients {auc:.4f}, FATE job {job['job_id']}")
        return {"auc_joint": auc, **{key: job[key] for key in ("job_id", "model_id", "model_version")}}

    loads >> train
    report(train.output)


two_sites_clinic()
