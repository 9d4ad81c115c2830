"""The reference to a job of a FATE site, as remote work."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_fate.remote.work import WorkRef
from airflow_provider_fate.site.ref import JobRef

__all__ = ["FateJobRef"]


@dataclass(frozen=True)
class FateJobRef(JobRef, WorkRef):
    """A job, and whose it is."""

    @property
    def id(self) -> str:
        """Its id at the site."""
        return self.job_id
