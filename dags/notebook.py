"""Start a JupyterLab for a FATE site: somebody works with fate-client where Airflow's jobs run."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import Param, dag

from airflow_provider_fate.operators.notebook import FateNotebookOperator


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    tags=["fate", "notebook", "example"],
    params={
        "name": Param(
            "lab",
            type="string",
            pattern="^[a-z]([a-z0-9-]{0,50}[a-z0-9])?$",
            title="Name",
            description="Small letters, digits and -. The same name opens the same files again.",
        ),
        "repository": Param(
            None,
            type=["null", "string"],
            title="Git repository",
            description="Is cloned into it once; @branch behind it if need be. No credentials.",
        ),
        "memory": Param(
            "4Gi",
            type="string",
            title="Memory",
            description="What each of its processes may have, as 4Gi.",
        ),
    },
    doc_md="""
### A notebook for this site

`open_notebook` starts JupyterLab on the worker's machine. Its fate-client speaks to the site of the connection
`fate_default`; `train_on_this_site.ipynb` shows how. Follow the link **Open JupyterLab** of the task; it asks for a
token, which `fate-local notebook token NAME` prints on that machine. The DAG `idle_notebooks` stops it when nobody has
worked in it for hours.
""",
)
def notebook() -> None:
    FateNotebookOperator(
        task_id="open_notebook",
        name="{{ params.name }}",
        repository="{{ params.repository or '' }}",
        memory="{{ params.memory }}",
    )


notebook()
