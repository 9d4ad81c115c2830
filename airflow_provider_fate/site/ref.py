"""What identifies a job of a FATE site, and this site's part in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord

__all__ = ["JobRef"]


@dataclass(frozen=True)
class JobRef:
    """A job on a FATE site.

    :param job_id: the site's id of the job.
    :param role: role of this site's party in it.
    :param party_id: id of this site's party in it.
    :param model_id: id of the model that it makes; equal to the job's unless the DAG says otherwise.
    :param model_version: version of that model.
    """

    job_id: str
    role: str
    party_id: str
    model_id: str | None = None
    model_version: str | None = None

    @classmethod
    def of(cls, record: JobRecord) -> Self:
        """From one of the job's records."""
        return cls(record.job_id, record.role, record.party_id, record.model_id, record.model_version)
