"""The link from an Airflow task to the page of its notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey
    from airflow.sdk import Context

NOTEBOOK_PAGE = "fate_notebook_url"
"""XCom of a task that has started a notebook: its address, without a token."""


class NotebookLink(BaseOperatorLink):
    """Opens JupyterLab, which asks for the notebook's token."""

    name = "Open JupyterLab"

    @classmethod
    def persist(cls, context: Context, url: str) -> None:
        """Make the link visible at once: Airflow itself writes the key that the UI reads only when a try ends."""
        ti: Any = context["ti"]
        for key in (NOTEBOOK_PAGE, cls().xcom_key):
            ti.xcom_push(key=key, value=url)

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """The URL that the task has pushed."""
        url = XCom.get_value(key=NOTEBOOK_PAGE, ti_key=ti_key)
        return url if isinstance(url, str) else ""
