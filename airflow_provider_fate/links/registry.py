"""The link from an Airflow task to the page of its model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey
    from airflow.sdk import Context

REGISTRY_PAGE = "model_registry_url"
"""XCom of a task that has worked on a registry with pages: the link."""


class ModelRegistryLink(BaseOperatorLink):
    """Opens the model in the pages of its registry."""

    name = "Model registry"

    @classmethod
    def persist(cls, context: Context, url: str) -> None:
        """Make the link visible at once: Airflow itself writes the key that the UI reads only when a try ends."""
        ti: Any = context["ti"]
        for key in (REGISTRY_PAGE, cls().xcom_key):
            ti.xcom_push(key=key, value=url)

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """The URL that the task has pushed, or nothing where its registry has no pages."""
        url = XCom.get_value(key=REGISTRY_PAGE, ti_key=ti_key)
        return url if isinstance(url, str) else ""
