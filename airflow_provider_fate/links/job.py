"""The link from an Airflow task to its job in FATEBoard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import TaskInstanceKey
    from airflow.sdk import Context

    from airflow_provider_fate.hooks.site import FateSite
    from airflow_provider_fate.site.ref import JobRef

FATE_JOB = "fate_job"
"""XCom of a task that has a job: its ids, this site's part in it, and the link, as a mapping."""


class FateBoardLink(BaseOperatorLink):
    """Opens the job in FATEBoard; its URL is a template in the connection (``board_url``)."""

    name = "FATEBoard"

    @classmethod
    def persist(cls, context: Context, site: FateSite, ref: JobRef) -> None:
        """Make ids and link visible at once.

        Airflow itself writes the key that the UI reads only when a try ends.
        """
        url = site.board_link(ref.job_id, ref.role, ref.party_id)
        ti: Any = context["ti"]
        names = ("job_id", "role", "party_id", "model_id", "model_version")
        ti.xcom_push(key=FATE_JOB, value={name: getattr(ref, name) for name in names} | {"url": url})
        if url is not None:
            ti.xcom_push(key=cls().xcom_key, value=url)

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """The URL that the task has pushed, or nothing where the connection names no template."""
        job = XCom.get_value(key=FATE_JOB, ti_key=ti_key)
        return str(job.get("url") or "") if isinstance(job, dict) else ""
