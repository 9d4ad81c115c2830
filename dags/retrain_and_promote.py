"""Every night: train anew, compare with the champion on the same patients, ask a person, register, promote."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag, task
from example_models import CHAMPION, MODELS, NAME, REGISTRY
from example_tables import CLINIC, DAY, LABORATORY, write_tables

from airflow_provider_fate.jobs import Evaluation, HeteroSecureBoost, Party
from airflow_provider_fate.models.decide import ScoreComparison
from airflow_provider_fate.operators.approval import FateApprovalOperator
from airflow_provider_fate.operators.gate import FateQualityGateOperator
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.model_export import FateModelExportOperator
from airflow_provider_fate.operators.model_register import FateModelAliasOperator, FateModelRegisterOperator
from airflow_provider_fate.operators.predict import FatePredictOperator
from airflow_provider_fate.operators.upload import FateUploadOperator


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "federated learning", "example"],
    doc_md="""
### Retrain, and let the better model win

A model is trained on the patients of the day. It and the champion score the same held-out patients, and the gate lets
it go on if it is good enough, and not shown to be worse than the champion; the first one is judged by the bounds alone.
Then a person is asked, with the model's card and the comparison, under *Required Actions*. What is approved is
registered, and becomes the champion, unless somebody has promoted another one since the comparison.
""",
)
def retrain_and_promote() -> None:
    @task(multiple_outputs=True)
    def export_tables(day: str) -> dict[str, str]:
        """Stands for the export from each side's warehouse."""
        return write_tables(day, rows=400)

    files = export_tables(DAY)
    loads = [
        FateUploadOperator(
            task_id=f"load_{side}_{part}",
            source=files[f"{side}_{part}"],
            table=f"retrain.{side}_{part}_{DAY}",
            match_id="patient",
            label=label,
        )
        for side, label in (("clinic", "malignant"), ("laboratory", None))
        for part in ("train", "holdout")
    ]
    train = FateJobOperator(
        task_id="train",
        job=HeteroSecureBoost(
            guest=Party(CLINIC, f"retrain.clinic_train_{DAY}"),
            hosts=[Party(LABORATORY, f"retrain.laboratory_train_{DAY}")],
            num_trees=3,
            max_depth=3,
            max_bin=8,
            evaluation=Evaluation(metrics=["auc", "ks"]),
        ),
    )
    held_out = {CLINIC: f"retrain.clinic_holdout_{DAY}", LABORATORY: f"retrain.laboratory_holdout_{DAY}"}
    challenger = FatePredictOperator(task_id="score_challenger", model=train.output, tables=held_out, evaluate=True)
    champion = FatePredictOperator(
        task_id="score_champion",
        model={"registry": REGISTRY, "name": NAME, "alias": "champion"},
        tables=held_out,
        if_no_model="skip",
    )
    gate = FateQualityGateOperator(
        task_id="gate",
        metrics=challenger.output,
        bounds={"auc": ">= 0.8"},
        challenger=challenger.output,
        champion=champion.output,
        compare=ScoreComparison(id="patient", require="not_shown_worse", min_rows=80),
        trigger_rule="none_failed",  # the first model has no champion
    )
    export = FateModelExportOperator(
        task_id="export", model=train.output, target=f"{MODELS}/{{{{ ti.xcom_pull('train')['job_id'] }}}}"
    )
    approve = FateApprovalOperator(
        task_id="approve",
        subject=f"May it become the champion of {NAME}?",
        model=export.output,
        verdict=gate.output,
        response_timeout=timedelta(hours=12),
    )
    register = FateModelRegisterOperator(
        task_id="register", model=export.output, name=NAME, registry=REGISTRY, tags=approve.output["tags"]
    )
    promote = FateModelAliasOperator(
        task_id="promote",
        name=NAME,
        alias="champion",
        version=register.output,
        expected="{{ ((ti.xcom_pull('score_champion') or {}).get('registered') or {}).get('version') }}",
        registry=REGISTRY,
        reason="{{ ti.xcom_pull('approve')['note'] }}",
        outlets=[CHAMPION],
    )

    loads >> train
    loads >> champion
    gate >> export >> approve >> register >> promote


retrain_and_promote()
