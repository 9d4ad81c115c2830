"""The link from an Airflow task to the service that it has changed or asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey
    from airflow.sdk import Context

ENDPOINT = "service_url"
"""XCom of a task: the URL that shows the service's model."""


class FateEndpointLink(BaseOperatorLink):
    """Opens what the service says of its model: inputs, outputs, live versions."""

    name = "Endpoint"

    @classmethod
    def persist(cls, context: Context, url: str) -> None:
        """Make the link visible at once: Airflow itself writes the key that the UI reads only when a try ends."""
        ti: Any = context["ti"]
        for key in (ENDPOINT, cls().xcom_key):
            ti.xcom_push(key=key, value=url.removesuffix("/infer"))

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """The URL that the task has pushed."""
        url = XCom.get_value(key=ENDPOINT, ti_key=ti_key)
        return url if isinstance(url, str) else ""
