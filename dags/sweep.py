"""Which parameters are best? Four trials, two at a time, which share one intersection."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import dag, task
from example_tables import CLINIC, DAY, LABORATORY, load_small_tables

from airflow_provider_fate.jobs import Evaluation, HeteroSecureBoost, Party, Psi, sweep
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.psi import FatePsiOperator
from airflow_provider_fate.operators.sweep_report import FateSweepReportOperator

PARTIES: dict[str, Any] = {
    "guest": Party(CLINIC, f"sweep.clinic_{DAY}"),
    "hosts": [Party(LABORATORY, f"sweep.laboratory_{DAY}")],
}
TRIALS = sweep(
    HeteroSecureBoost(**PARTIES, num_trees=2, max_bin=8, holdout=0.25, evaluation=Evaluation(metrics=["auc"])),
    {"max_depth": [1, 2], "learning_rate": [0.1, 0.5]},
)


@dag(
    dag_id="sweep",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "example"],
    doc_md="""
### Which parameters are best?

The patients in common are found once, by `intersect`; each trial takes them over. `trials` is one mapped task per
combination of parameters, two of them at a time. `report` puts all of them into a table, the best first.
""",
)
def sweep_parameters() -> None:
    intersect = FatePsiOperator(task_id="intersect", job=Psi(**PARTIES), min_overlap=100)
    trials = FateJobOperator.partial(
        task_id="trials",
        inherit=intersect.output,
        max_active_tis_per_dagrun=2,
        map_index_template="{{ task.job['extra']['trial']['label'] }}",
    ).expand(job=TRIALS.jobs)
    report = FateSweepReportOperator(task_id="report", sweep=TRIALS, results=trials.output, metric="auc")

    @task
    def tell(found: dict[str, Any]) -> str:
        """Here the model would be exported, compared with the champion, registered, or scored with."""
        best = found["best"]
        print(f"AUC {best['value']:.4f} with {best['parameters']}: model {best['model_id']} of job {best['job_id']}")
        return str(best["job_id"])

    load_small_tables("sweep") >> intersect
    tell(report.output)


sweep_parameters()
