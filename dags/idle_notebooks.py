"""Every hour: stop the notebooks in which nobody works any more."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import Param, dag

from airflow_provider_fate.operators.notebook import FateNotebookReaperOperator


@dag(
    schedule=timedelta(hours=1),
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    # Parameters come as what they are, numbers and lists, not as text.
    render_template_as_native_obj=True,
    tags=["fate", "notebook", "example"],
    params={
        "idle_hours": Param(
            8,
            type="number",
            exclusiveMinimum=0,
            title="Idle hours",
            description="Stop a notebook when nobody has worked in its kernels for so long. More than 0.",
        ),
        "keep": Param([], type="array", items={"type": "string"}, title="Keep", description="Names that run on."),
        "dry_run": Param(False, type="boolean", title="Only report", description="Say what would be stopped."),
    },
    doc_md="""
### Which notebooks are left running?

`stop_idle` asks each JupyterLab on the worker's machine when somebody has last worked in it, and stops those that are
idle. Their files stay, and the DAG `notebook` brings them back. A kernel that computes is never idle.
""",
)
def idle_notebooks() -> None:
    FateNotebookReaperOperator(
        task_id="stop_idle",
        idle_after="{{ params.idle_hours * 3600 }}",
        keep="{{ params.keep }}",
        dry_run="{{ params.dry_run }}",
    )


idle_notebooks()
