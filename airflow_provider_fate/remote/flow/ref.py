"""What identifies a job of a FATE site, as it travels through triggers and XComs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


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

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> JobRef:
        """From what :meth:`to_json` has made."""
        return cls(**{name: data.get(name) for name in cls.__dataclass_fields__})  # type: ignore[arg-type]
