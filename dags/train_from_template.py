"""Run a job that is described in a YAML file, with the day and the parameters of the run filled in."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from airflow.sdk import Param, dag
from example_tables import load_small_tables

from airflow_provider_fate.operators.job import FateJobOperator


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "example"],
    template_searchpath=[str(Path(__file__).parent / "templates")],
    params={
        "trees": Param(
            3,
            type="integer",
            minimum=1,
            maximum=100,
            title="Trees",
            description="How many trees are trained one after the other, 1 to 100.",
        )
    },
    doc_md="The job is FATE's own DAG as a YAML file, as FATEBoard and fate-client export it, with Jinja in it.",
)
def train_from_template() -> None:
    train = FateJobOperator(task_id="train", job="secureboost.yaml")
    load_small_tables("template") >> train


train_from_template()
