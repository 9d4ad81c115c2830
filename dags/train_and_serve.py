"""Every night: train anew, judge, register, try on a share of the requests, and promote or roll back."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Param, dag, task
from example_models import MODELS, REGISTRY, SERVED, SERVED_CHAMPION, SERVICE, SERVING
from example_tables import CLINIC, DAY, LABORATORY, write_hospitals

from airflow_provider_fate.jobs import HomoLR, Party
from airflow_provider_fate.operators.approval import FateApprovalOperator
from airflow_provider_fate.operators.download import FateDownloadOperator
from airflow_provider_fate.operators.gate import FateQualityGateOperator
from airflow_provider_fate.operators.job import FateJobOperator
from airflow_provider_fate.operators.model_convert import FateModelConvertOperator
from airflow_provider_fate.operators.model_export import FateModelExportOperator
from airflow_provider_fate.operators.model_register import FateModelAliasOperator, FateModelRegisterOperator
from airflow_provider_fate.operators.predict import FatePredictOperator
from airflow_provider_fate.operators.service_check import FateServiceCheckOperator
from airflow_provider_fate.operators.serving import FateServeOperator, FateServicePromoteOperator
from airflow_provider_fate.operators.upload import FateUploadOperator


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    params={"ask": Param(False, type="boolean", title="Ask a person", description="Before the model is registered.")},
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "federated learning", "example"],
    doc_md="""
### From two hospitals' tables to an endpoint

Two hospitals that measure the same train one model, and neither shows its patients. The model scores patients that were
held out; if it is good enough (and a person agrees, where the form says so) it becomes a version in the registry, and
gets 10 % of the requests of the service `biopsies`. There it has to give FATE's own scores, to the fifth digit, and in
time. Then it is promoted; a version that is unfit is rolled back, and the run fails. Clients see no gap in any case.
""",
)
def train_and_serve() -> None:
    @task(multiple_outputs=True)
    def export_tables(day: str) -> dict[str, str]:
        """Stands for the export from each hospital's warehouse."""
        return write_hospitals(day, rows=400)

    files = export_tables(DAY)
    loads = [
        FateUploadOperator(
            task_id=f"load_{side}_{part}",
            source=files[f"{side}_{part}"],
            table=f"serve.{side}_{part}_{DAY}",
            match_id="patient",
            label="malignant",
        )
        for side in ("north", "south")
        for part in ("train", "holdout")
    ]
    train = FateJobOperator(
        task_id="train",
        job=HomoLR(
            guest=Party(CLINIC, f"serve.north_train_{DAY}"),
            hosts=[Party(LABORATORY, f"serve.south_train_{DAY}")],
            epochs=4,
        ),
    )
    score = FatePredictOperator(
        task_id="score",
        model=train.output,
        tables={CLINIC: f"serve.north_holdout_{DAY}", LABORATORY: f"serve.south_holdout_{DAY}"},
        evaluate=True,
    )
    gate = FateQualityGateOperator(task_id="gate", metrics=score.output, bounds={"auc": ">= 0.9"})
    scores = FateDownloadOperator(
        task_id="scores", table="{{ ti.xcom_pull('score')['table'] }}", target=f"{MODELS}/served/{DAY}/scores.csv"
    )
    export = FateModelExportOperator(
        task_id="export", model=train.output, target=f"{MODELS}/{{{{ ti.xcom_pull('train')['job_id'] }}}}"
    )
    convert = FateModelConvertOperator(
        task_id="convert",
        packages=export.output,
        rows=files["north_holdout"],
        scores=scores.output,
        id_column="patient",
    )

    @task.branch
    def shall_a_person_be_asked(params: dict[str, Any] | None = None) -> str:
        return "approve" if (params or {}).get("ask") else "register"

    approve = FateApprovalOperator(
        task_id="approve",
        subject=f"May it answer the clients of {SERVICE}?",
        model=export.output,
        verdict=gate.output,
        response_timeout=timedelta(hours=12),
    )
    register = FateModelRegisterOperator(
        task_id="register",
        model=convert.output,
        name=SERVED,
        registry=REGISTRY,
        alias="challenger",
        trigger_rule="none_failed_min_one_success",
    )
    canary = FateServeOperator(task_id="canary", service=SERVICE, model=register.output, canary=10, backend=SERVING)
    check = FateServiceCheckOperator(
        task_id="check",
        service=SERVICE,
        version=canary.output,
        rows=files["north_holdout"],
        scores=scores.output,
        id_column="patient",
        max_latency=timedelta(seconds=20),
        on_failure="roll_back",
        backend=SERVING,
    )
    promote = FateServicePromoteOperator(task_id="promote", service=SERVICE, version=canary.output, backend=SERVING)
    champion = FateModelAliasOperator(
        task_id="champion",
        name=SERVED,
        alias="champion",
        version=register.output,
        registry=REGISTRY,
        reason="promoted in the service",
        outlets=[SERVED_CHAMPION],
    )

    @task
    def answer(service: dict[str, Any], rows: str, scored: dict[str, Any]) -> dict[str, Any]:
        """Ask as a client does, for one patient, and look up what FATE has given."""
        from airflow_provider_fate.serving.protocol import ServiceClient

        with Path(scored["target"]).open() as file:
            fates = next(iter(csv.DictReader(file)))
        with Path(rows).open() as file:
            patient = next(row for row in csv.DictReader(file) if row["patient"] == fates["patient"])
        columns = {name: [float(patient[name])] for name in service["model"]["inputs"]}
        with ServiceClient(service["url"]) as client:
            told = client.score(columns)
        ours = told.scores[0][0]
        print(f"{service['url']}, version {told.version}: patient {patient['patient']} scores {ours:.8f}")
        print(f"FATE's own prediction:                        {float(fates['predict_score']):.8f}")
        return {
            "url": service["url"],
            "version": told.version,
            "patient": patient["patient"],
            "served": ours,
            "fate": float(fates["predict_score"]),
        }

    loads >> train >> score >> scores
    branch = shall_a_person_be_asked()
    [gate, convert] >> branch >> approve >> register
    branch >> register
    gate >> export
    canary >> check >> promote >> champion
    answer(promote.output, files["north_holdout"], scores.output)


train_and_serve()
