"""The host's book of account: a file for each day of who has used what here, and a quota."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Param, dag, task
from example_tables import DAY

from airflow_provider_fate.operators.audit import FateAuditOperator
from airflow_provider_fate.operators.permission import FateRevokeOperator

BOOK = Path(tempfile.gettempdir()) / "fate-audit"
"""A real DAG writes to an object store: ``s3://aws_default@audit/fate``."""


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    tags=["fate", "federated learning", "two sites"],
    params={
        "site": Param("fate_10000", type="string", title="Connection of the site"),
        "begin": Param(None, type=["null", "string"], format="date-time", title="From; default: the run's day"),
        "end": Param(None, type=["null", "string"], format="date-time", title="Until"),
    },
    doc_md="""
### Who has used this site?

A line for each job of a partner that has ended within the day, with its tables, its end, and cores times seconds. Who
has used more than the quota loses all that was granted.
""",
)
def two_sites_audit() -> None:
    audit = FateAuditOperator(
        task_id="audit",
        fate_conn_id="{{ params.site }}",
        target=f"{BOOK}/{{{{ params.site }}}}-{DAY}.parquet",
        begin="{{ params.begin or data_interval_start }}",
        end="{{ params.end or data_interval_end }}",
        quota_core_hours=200,
    )

    @task
    def over_quota(book: dict[str, Any]) -> list[str]:
        """Name those from whom everything is taken."""
        return list(book["over_quota"])

    FateRevokeOperator.partial(task_id="revoke", fate_conn_id="{{ params.site }}").expand(
        partner=over_quota(audit.output)
    )


two_sites_audit()
