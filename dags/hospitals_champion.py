"""Train over two hospitals, make ONNX of it, let the better model win, and register it in MLflow."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import Param, dag, task
from example_hospitals import CHAMPION, LAKE, NAME, NORTH, REGISTRY, SOUTH, write_hospitals
from example_tables import DAY

from airflow_provider_fate.jobs import Evaluation, HomoLR, Party
from airflow_provider_fate.models.decide import ScoreComparison
from airflow_provider_fate.operators.approval import FateApprovalOperator
from airflow_provider_fate.operators.download import FateDownloadOperator
from airflow_provider_fate.operators.gate import FateQualityGateOperator
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.metrics import FateMetricsOperator
from airflow_provider_fate.operators.model_convert import FateModelConvertOperator
from airflow_provider_fate.operators.model_export import FateModelExportOperator
from airflow_provider_fate.operators.model_register import FateModelAliasOperator, FateModelRegisterOperator
from airflow_provider_fate.operators.predict import FatePredictOperator
from airflow_provider_fate.operators.upload import FateUploadOperator

HELD_OUT = {NORTH: f"hospitals.north_holdout_{DAY}", SOUTH: f"hospitals.south_holdout_{DAY}"}
MODEL = f"{LAKE}/{DAY}/{{{{ ti.xcom_pull('train')['job_id'] }}}}"
"""A folder of its own for each model."""


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    max_active_runs=1,
    params={
        "wrong_labels": Param(
            0.0,
            type="number",
            minimum=0,
            maximum=1,
            title="Wrong labels",
            description="Part of the training rows, 0 to 1, with a wrong label. Try 0.9: the gate stops the model.",
        )
    },
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "federated learning", "example"],
    doc_md="""
### From the rows of two hospitals to a champion in MLflow

Needs the connections `aws_default` (a bucket `models`) and `mlflow_default`, and `airflow-provider-fate[s3,onnx]`.

Both hospitals train one model. It and the champion score the same held-out patients, and the model becomes an ONNX
graph, which has to give FATE's own scores. The gate lets it go on if it is good enough and not shown to be worse than
the champion. Then a person is asked under *Required Actions*. What is approved is registered with package, graph, card
and metrics, and becomes the champion, of which `hospitals_scores` is told.
""",
)
def hospitals_champion() -> None:
    @task(multiple_outputs=True)
    def export_tables(day: str, wrong_labels: str) -> dict[str, str]:
        """Stands for the export from each hospital's records."""
        return write_hospitals(day, f"{LAKE}/tables", float(wrong_labels))

    files = export_tables(DAY, "{{ params.wrong_labels }}")
    loads = [
        FateUploadOperator(
            task_id=f"load_{side}_{part}",
            source=files[f"{side}_{part}"],
            table=f"hospitals.{side}_{part}_{DAY}",
            match_id="patient",
            label="malignant",
            if_exists="replace",
        )
        for side in ("north", "south")
        for part in ("train", "holdout")
    ]
    train = FateJobOperator(
        task_id="train",
        job=HomoLR(
            guest=Party(NORTH, f"hospitals.north_train_{DAY}"),
            hosts=[Party(SOUTH, f"hospitals.south_train_{DAY}")],
            epochs=8,
            evaluation=Evaluation(metrics=["auc", "ks"]),
        ),
    )
    challenger = FatePredictOperator(task_id="score_challenger", model=train.output, tables=HELD_OUT, evaluate=True)
    champion = FatePredictOperator(
        task_id="score_champion",
        model={"registry": REGISTRY, "name": NAME, "alias": "champion"},
        tables=HELD_OUT,
        if_no_model="skip",
    )
    scores = FateDownloadOperator(
        task_id="scores", table="{{ ti.xcom_pull('score_challenger')['table'] }}", target=f"{MODEL}/scores.csv"
    )
    measure = FateMetricsOperator(task_id="measure", job=train.output, target=f"{MODEL}/metrics")
    export = FateModelExportOperator(task_id="export", model=train.output, target=MODEL)
    convert = FateModelConvertOperator(
        task_id="convert",
        packages=export.output,
        rows=files["north_holdout"],
        scores=scores.output,
        id_column="patient",
    )
    gate = FateQualityGateOperator(
        task_id="gate",
        metrics=challenger.output,
        bounds={"auc": ">= 0.8"},
        challenger=scores.output,
        champion=champion.output,
        compare=ScoreComparison(id="patient", require="not_shown_worse", min_rows=50),
        trigger_rule="none_failed",  # the first model has no champion
    )
    approve = FateApprovalOperator(
        task_id="approve",
        subject=f"May it become the champion of {NAME}?",
        model=convert.output,
        verdict=gate.output,
        response_timeout=timedelta(hours=12),
    )
    register = FateModelRegisterOperator(
        task_id="register",
        model=convert.output,
        measured=measure.output,
        name=NAME,
        registry=REGISTRY,
        tags=approve.output["tags"],
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
    challenger >> scores
    [gate, convert, measure] >> approve >> register >> promote


hospitals_champion()
