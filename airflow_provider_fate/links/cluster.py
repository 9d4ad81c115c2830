"""Links from Airflow tasks to the pages of a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey
    from airflow.sdk import Context

CLUSTER_PAGES = "cluster_pages"
"""XCom of a task that has worked on a cluster: the addresses of its pages by module."""


class _PageLink(BaseOperatorLink):
    """A page of a module."""

    module: str

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """The address that the task has pushed, or nothing where the cluster has no such page."""
        pages = XCom.get_value(key=CLUSTER_PAGES, ti_key=ti_key)
        return str(pages.get(self.module) or "") if isinstance(pages, dict) else ""


class ClusterBoardLink(_PageLink):
    """Opens the FATEBoard of a cluster."""

    name = "FATEBoard"
    module = "fateboard"


class ClusterNotebookLink(_PageLink):
    """Opens the notebook of a cluster."""

    name = "Notebook"
    module = "client"


def persist_pages(context: Context, pages: Mapping[str, str]) -> None:
    """Make the links visible at once: Airflow itself writes the keys that the UI reads only when a try ends."""
    ti: Any = context["ti"]
    ti.xcom_push(key=CLUSTER_PAGES, value=dict(pages))
    for link in (ClusterBoardLink(), ClusterNotebookLink()):
        if url := pages.get(link.module):
            ti.xcom_push(key=link.xcom_key, value=url)
