"""The host's record of who has used its tables: each job of a partner that reads one starts this DAG."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk import Asset, AssetWatcher, dag, task

from airflow_provider_fate.triggers.incoming import FateIncomingJobTrigger

USED = Asset(
    "laboratory_tables_used",
    watchers=[
        AssetWatcher(
            name="jobs_of_partners",
            trigger=FateIncomingJobTrigger(fate_conn_id="fate_10000", tables=["laboratory.*"]),
        )
    ],
)


@dag(
    schedule=[USED],
    start_date=datetime(2026, 1, 1),
    catchup=False,
    tags=["fate", "federated learning", "two sites"],
    doc_md="""
### Who has used the laboratory's tables?

The triggerer looks at the laboratory's FATE site, and makes an event of each job of a partner that reads one of its
tables. A real DAG writes them into a database, and tells somebody.
""",
)
def two_sites_who_used_it() -> None:
    @task
    def note(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
        """Say who has started which job with which tables."""
        jobs = [event.extra["payload"] for event in triggering_asset_events[USED]]
        for job in jobs:
            print(f"Party {job['initiator']} uses {', '.join(job['tables'])} in job {job['job_id']}")
        return jobs

    note()


two_sites_who_used_it()
