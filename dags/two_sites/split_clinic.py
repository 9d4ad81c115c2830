"""The guest's half of split scoring: answer for single patients, with the laboratory's help, as FATE would."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import Param, dag, task
from example_tables import CLINIC, DAY, LABORATORY, write_tables

from airflow_provider_fate.operators.approval import FateApprovalOperator
from airflow_provider_fate.operators.download import FateDownloadOperator
from airflow_provider_fate.operators.model_export import FateModelExportOperator
from airflow_provider_fate.operators.predict import FatePredictOperator
from airflow_provider_fate.operators.split_check import FateSplitCheckOperator
from airflow_provider_fate.operators.split_features import FateSplitFeaturesOperator
from airflow_provider_fate.operators.split_part import FateSplitPartOperator
from airflow_provider_fate.operators.split_serve import FateSplitServeOperator

CONNECTION = "fate_9999"
FOLDER = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "split_clinic"


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    tags=["fate", "federated learning", "two sites"],
    params={"job_id": Param("", type="string", title="Job", description="Id of the job that has trained the model.")},
    doc_md="""
### The clinic's side of split scoring

The clinic's service joins its own part with the laboratory's answers. Before anybody relies on it, `check` compares it
with a predict job of FATE on the same patients, row by row.
""",
)
def two_sites_split_clinic() -> None:
    export = FateModelExportOperator(
        task_id="export",
        fate_conn_id=CONNECTION,
        model="{{ params.job_id }}",
        target=f"{FOLDER}/{{{{ params.job_id }}}}",
    )
    part = FateSplitPartOperator(task_id="part", package=export.output)
    agree = FateApprovalOperator(
        task_id="agree",
        subject="May the laboratory see whom we score?",
        model=export.output,
        body=part.output["terms"],
        response_timeout=timedelta(days=7),
        write_card=False,
    )

    @task
    def patients(day: str) -> str:
        """Stands for an export from the clinic's warehouse."""
        return write_tables(day)["clinic_holdout"]

    rows = FateSplitFeaturesOperator(
        task_id="rows",
        part=part.output,
        source=patients(DAY),
        id_column="patient",
        target=str(FOLDER / "rows.sqlite"),
    )
    serve = FateSplitServeOperator(
        task_id="serve",
        part=part.output,
        signed_off=part.output["sha256"],
        split_conn_id="split_clinic",
        features=rows.output,
        hosts={LABORATORY: "split_laboratory"},
        name="malignancy",
    )
    predict = FatePredictOperator(
        task_id="predict",
        fate_conn_id=CONNECTION,
        model="{{ params.job_id }}",
        tables={CLINIC: f"clinic.holdout_{DAY}", LABORATORY: f"laboratory.holdout_{DAY}"},
    )
    scores = FateDownloadOperator(
        task_id="scores",
        fate_conn_id=CONNECTION,
        table=predict.output["table"],
        target=str(FOLDER / "scores.csv"),
    )
    check = FateSplitCheckOperator(
        task_id="check",
        service=serve.output,
        split_conn_id="split_clinic",
        scores=scores.output,
        id_column="patient",
    )
    agree >> serve >> check


two_sites_split_clinic()
