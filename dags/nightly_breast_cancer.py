"""Every night: load both sides' tables, train a model over them, and show what federating gains."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag, task
from example_tables import CLINIC, DAY, LABORATORY, write_tables

from airflow_provider_fate.jobs import Evaluation, HeteroSecureBoost, Party
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.upload import FateUploadOperator


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "federated learning", "example"],
    params={
        "trees": Param(
            10,
            type="integer",
            minimum=1,
            maximum=500,
            title="Trees",
            description="How many trees are trained one after the other, 1 to 500.",
            section="Model",
        ),
        "depth": Param(
            3,
            type="integer",
            minimum=1,
            maximum=10,
            title="Depth of a tree",
            description="Levels of splits in each tree, 1 to 10.",
            section="Model",
        ),
        "learning_rate": Param(
            0.3,
            type="number",
            exclusiveMinimum=0,
            maximum=1,
            title="Learning rate",
            description="How much each tree corrects those before it, more than 0 and up to 1.",
            section="Model",
        ),
        "bins": Param(
            16,
            type="integer",
            minimum=2,
            maximum=256,
            title="Bins per column",
            description="Split points tried per column, 2 to 256: each is encrypted, so more of them take longer.",
            section="Model",
        ),
    },
    doc_md="""
### What does a clinic gain from a laboratory's data that it must never see?

The **clinic** (guest, party 9999) knows which biopsies were malignant, and five weak measurements. The **laboratory**
(host, party 10000) has eight strong ones. The tables of the day are loaded on both sides, the patients that both know
are found by private set intersection, and SecureBoost trains twice on the same patients: with the clinic's columns
alone, and over those of both. Both models are judged by patients that were held out.

`report` shows the two AUCs. Trigger it with other parameters, or backfill last week: each day has its own tables and
its own model.
""",
)
def nightly_breast_cancer() -> None:
    @task(multiple_outputs=True)
    def export_tables(day: str) -> dict[str, str]:
        """Stands for the export from each side's warehouse."""
        return write_tables(day)

    files = export_tables(DAY)
    loads = [
        FateUploadOperator(
            task_id=f"load_{side}_{part}",
            source=files[f"{side}_{part}"],
            table=f"{side}.{part}_{DAY}",
            match_id="patient",
            label=label,
        )
        for side, label in (("clinic", "malignant"), ("laboratory", None))
        for part in ("train", "holdout")
    ]
    train = FateJobOperator(
        task_id="train",
        job=HeteroSecureBoost(
            guest=Party(CLINIC, f"clinic.train_{DAY}", holdout_table=f"clinic.holdout_{DAY}"),
            hosts=[Party(LABORATORY, f"laboratory.train_{DAY}", holdout_table=f"laboratory.holdout_{DAY}")],
            num_trees="{{ params.trees }}",
            max_depth="{{ params.depth }}",
            learning_rate="{{ params.learning_rate }}",
            max_bin="{{ params.bins }}",
            guest_baseline=True,
            evaluation=Evaluation(metrics=["auc", "ks"]),
        ),
        waiting_timeout=timedelta(minutes=30),
    )

    @task
    def report(job: dict[str, Any]) -> dict[str, Any]:
        """Compare both models on the patients that neither has seen."""
        metrics = job["metrics"]
        alone = metrics["evaluation_0.sbt_alone_0_validate.test_set.auc"]
        joint = metrics["evaluation_0.sbt_0_validate.test_set.auc"]
        print("AUC on held-out patients")
        print(f"  the clinic alone        {alone:.4f}")
        print(f"  clinic and laboratory   {joint:.4f}")
        print(f"  gain                    {joint - alone:+.4f}")
        print(f"FATE job {job['job_id']}, model {job['model_id']} version {job['model_version']}")
        return {
            "auc_alone": alone,
            "auc_joint": joint,
            "gain": joint - alone,
            **{key: job[key] for key in ("job_id", "model_id", "model_version")},
        }

    loads >> train
    report(train.output)


nightly_breast_cancer()
