"""Go on when a job has ended that somebody else started: a partner, a data scientist, another scheduler."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag, task
from example_tables import CLINIC, DAY, LABORATORY, load_small_tables

from airflow_provider_fate.sensors.job import FateJobSensor


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "example"],
    params={
        "job_id": Param(
            None,
            type=["null", "string"],
            title="FATE job",
            description="Id of the job to wait for, from FATEBoard or from whoever started it. Empty: start one.",
        )
    },
    doc_md="`FateJobSensor` waits for a job by its id, gives its metrics, and never stops it.",
)
def wait_for_a_job() -> None:
    @task
    def somebody_starts_a_job(job_id: str, day: str) -> dict[str, str]:
        """Stands for the other one: a notebook would do just this."""
        from airflow_provider_fate.clients.fate_flow import FlowClient
        from airflow_provider_fate.hooks.flow import FateFlowHook
        from airflow_provider_fate.jobs import Party, Psi

        if job_id:
            return {"job_id": job_id}
        job = Psi(
            guest=Party(CLINIC, f"wait.clinic_{day}"),
            hosts=[Party(LABORATORY, f"wait.laboratory_{day}")],
        )
        with FlowClient(FateFlowHook("fate_default").site().settings()) as flow:
            # In a mapping: Airflow's page takes an id alone for a number, and rounds it.
            return {"job_id": flow.job.submit(job.dag()).job_id}

    wait = FateJobSensor(
        task_id="wait",
        job_id="{{ ti.xcom_pull('somebody_starts_a_job')['job_id'] }}",
        execution_timeout=timedelta(hours=2),
    )

    @task
    def report(job: dict[str, Any]) -> dict[str, Any]:
        print(f"job {job['job_id']} is over: {job['status']}, {job['metrics']}")
        return job

    load_small_tables("wait") >> somebody_starts_a_job("{{ params.job_id or '' }}", DAY) >> wait
    report(wait.output)


wait_for_a_job()
