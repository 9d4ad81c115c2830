"""The host's half of split scoring: open the laboratory's part of a model to the clinic, after people have agreed."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import Param, dag, task
from example_tables import DAY, write_tables

from airflow_provider_fate.operators.approval import FateApprovalOperator
from airflow_provider_fate.operators.model_export import FateModelExportOperator
from airflow_provider_fate.operators.split_features import FateSplitFeaturesOperator
from airflow_provider_fate.operators.split_part import FateSplitPartOperator
from airflow_provider_fate.operators.split_serve import FateSplitServeOperator

CONNECTION = "fate_10000"
FOLDER = Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "split_laboratory"


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    tags=["fate", "federated learning", "two sites"],
    params={"job_id": Param("", type="string", title="Job", description="Id of the job that has trained the model.")},
    doc_md="""
### The laboratory's side of split scoring

`agree` shows what the clinic will learn from the laboratory's answers, and waits for a person. What is signed off is
one file, by its checksum: the service starts with no other. The rows stay in a file of the laboratory's.
""",
)
def two_sites_split_laboratory() -> None:
    export = FateModelExportOperator(
        task_id="export",
        fate_conn_id=CONNECTION,
        model="{{ params.job_id }}",
        target=f"{FOLDER}/{{{{ params.job_id }}}}",
    )
    part = FateSplitPartOperator(
        task_id="part",
        package=export.output,
        terms={"rows_per_minute": 10_000, "rows_per_day": 100_000, "until": "2030-01-01T00:00:00+00:00"},
    )
    agree = FateApprovalOperator(
        task_id="agree",
        subject="May the clinic ask for this?",
        model=export.output,
        body=part.output["terms"],
        response_timeout=timedelta(days=7),
        write_card=False,
    )

    @task
    def patients(day: str) -> str:
        """Stands for an export from the laboratory's warehouse."""
        return write_tables(day)["laboratory_holdout"]

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
        split_conn_id="split_laboratory",
        features=rows.output,
        name="split-laboratory",
    )
    agree >> serve


two_sites_split_laboratory()
