"""The link from an Airflow task to its job in FATEBoard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey
    from airflow.sdk import Context

    from airflow_provider_fate.hooks.site import FateSite
    from airflow_provider_fate.site.ref import JobRef

JOB_URL = "job_url"


class FateBoardLink(BaseOperatorLink):
    """Opens the job in FATEBoard; its URL is a template in the connection (``board_url``)."""

    name = "FATEBoard"

    @classmethod
    def persist(cls, context: Context, site: FateSite, ref: JobRef) -> None:
        """Make the link visible at once.

        Airflow itself writes the key that the UI reads only when a try ends.
        """
        url = site.board_link(ref.job_id, ref.role, ref.party_id)
        ti: Any = context["ti"]
        # An empty one too: Airflow asks for it whenever a try ends, and logs an error where there is none.
        ti.xcom_push(key=JOB_URL, value=url or "")
        if url is not None:
            ti.xcom_push(key=cls().xcom_key, value=url)

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """The URL that the task has pushed, or nothing where the connection names no template."""
        return XCom.get_value(key=JOB_URL, ti_key=ti_key) or ""
