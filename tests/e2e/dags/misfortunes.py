"""DAGs whose jobs come to a bad end, for the end-to-end tests."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import dag
from example_tables import CLINIC, DAY, LABORATORY, load_small_tables

from airflow_provider_fate.jobs import HeteroSecureBoost, Party, Psi
from airflow_provider_fate.operators.job import FateJobOperator


# Airflow itself sometimes fails a task that was deferred and came back quickly; here only the end of `train` matters.
@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    default_args={"retries": 2, "retry_delay": timedelta(seconds=3)},
)
def e2e_killed() -> None:
    """Trains for so long that there is time to kill it."""
    train = FateJobOperator(
        task_id="train",
        job=HeteroSecureBoost(
            guest=Party(CLINIC, f"killed.clinic_{DAY}"),
            hosts=[Party(LABORATORY, f"killed.laboratory_{DAY}")],
            num_trees=500,
        ),
    )
    load_small_tables("killed") >> train


@dag(schedule=None, start_date=datetime(2026, 1, 1))
def e2e_failing() -> None:
    """Reads tables that nobody has loaded, and does not let that be noticed before."""
    FateJobOperator(
        task_id="intersect",
        job=Psi(guest=Party(CLINIC, "nowhere.clinic"), hosts=[Party(LABORATORY, "nowhere.laboratory")]),
        check_tables=False,
    )


@dag(schedule=None, start_date=datetime(2026, 1, 1))
def e2e_refused() -> None:
    """Would read a table that is not there: refused before anything is submitted."""
    FateJobOperator(
        task_id="intersect",
        job=Psi(guest=Party(CLINIC, "nowhere.clinic"), hosts=[Party(LABORATORY, "nowhere.laboratory")]),
    )


e2e_killed()
e2e_failing()
e2e_refused()
