"""Every week: see which tables, models and jobs of the site have grown old, and delete them if you say so."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag, task

from airflow_provider_fate.operators.retention import FateRetentionOperator


def days(default: int, title: str) -> Param:
    """An age in days; empty keeps all of the kind."""
    return Param(
        default,
        type=["null", "number"],
        minimum=0,
        title=title,
        description="Delete what is older than so many days. Empty: nothing of this kind.",
        section="Age",
    )


def patterns(title: str, *examples: str) -> Param:
    """What stays, whatever its age."""
    return Param(
        [], type="array", items={"type": "string"}, title=title, examples=list(examples), section="Keep at any age"
    )


@dag(
    schedule="@weekly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10)},
    # Parameters come as what they are, numbers and lists, not as text.
    render_template_as_native_obj=True,
    tags=["fate", "example"],
    params={
        "dry_run": Param(
            True,
            type="boolean",
            title="Only report",
            description="Switch it off when you have read a report and agree with it.",
        ),
        "tables": days(30, "Tables"),
        "models": days(180, "Models"),
        "outputs": days(30, "Intermediate tables of jobs that stay"),
        "jobs": days(30, "Jobs"),
        "keep_tables": patterns("Tables", "credit.reference_*"),
        "keep_models": patterns("Models", "champion*"),
    },
    doc_md="""
### What has grown old?

`clean_up` looks at all jobs of the site, and says which tables, models and jobs are older than the parameters allow,
and why some of them stay all the same. It **deletes nothing** until *Only report* is switched off: for one run in its
form, for good in this file.
""",
)
def housekeeping() -> None:
    clean_up = FateRetentionOperator(
        task_id="clean_up",
        older_than={kind: f"{{{{ params.{kind} }}}}" for kind in ("tables", "models", "outputs", "jobs")},
        keep={kind: f"{{{{ params.keep_{kind} }}}}" for kind in ("tables", "models")},
        dry_run="{{ params.dry_run }}",
        max_deletions=500,
    )

    @task
    def report(done: dict[str, Any]) -> str:
        """Stands for a message to whoever looks after the site."""
        numbers = done["delete" if done["dry_run"] else "deleted"]
        said = ", ".join(f"{kind}: {number}" for kind, number in numbers.items())
        print(f"{'To delete' if done['dry_run'] else 'Deleted'} - {said}")
        for item in done["items"]:
            if item["reason"]:
                print(f"  {item['kind']} {item['name']} stays: {item['reason']}")
        return said

    report(clean_up.output)


housekeeping()
