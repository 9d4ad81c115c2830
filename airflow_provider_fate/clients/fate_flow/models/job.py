"""Jobs as FATE-Flow reports them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from .base import FlowModel, Id, Mapping, Millis, OptionalId

__all__ = ["DagDependency", "DataView", "JobPage", "JobRecord", "JobStatus", "PartyGroup", "SubmittedJob"]


class JobStatus(StrEnum):
    """Status of a job on one party.

    "Terminal" means that FATE-Flow does nothing more of its own accord, save for one case: ``failed`` becomes
    ``canceled`` some seconds after a partner stopped the job. A rerun leaves every terminal state.
    """

    READY = "ready"
    WAITING = "waiting"
    RUNNING = "running"
    CANCELED = "canceled"
    TIMEOUT = "timeout"
    FAILED = "failed"
    SUCCESS = "success"
    UNKNOWN = "unknown"
    """A word that this package does not know."""

    @classmethod
    def _missing_(cls, value: object) -> JobStatus:
        return cls.UNKNOWN

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return self in (JobStatus.CANCELED, JobStatus.TIMEOUT, JobStatus.FAILED, JobStatus.SUCCESS)


class SubmittedJob(FlowModel):
    """What FATE-Flow answers to a submit."""

    job_id: Id
    model_id: Id = ""
    model_version: Id = ""


class PartyGroup(FlowModel):
    """Parties of one role."""

    role: str
    party_id: list[Id]


class JobRecord(FlowModel):
    """One party's record of a job. A job has one per party that *this* site plays.

    :ivar progress: finished tasks in percent; 100 for failed jobs too.
    :ivar dag: the whole schema as FATE-Flow completed it: ``{"dag": ..., "schema_version": ..., "kind":
        ...}``.
    :ivar tag: ``job_end``, ``submit_failed`` (hidden in lists) or empty.
    :ivar description: the note of ``job.add_notes``.
    :ivar elapsed: milliseconds from start to end; may be ``None`` just after the end.
    :ivar partners: ids of the other parties; filled by ``job.list`` only.
    """

    job_id: Id
    role: str
    party_id: Id
    status: JobStatus
    progress: int | None = None
    tag: str | None = None
    description: str | None = None
    user_name: str | None = None
    model_id: OptionalId = None
    model_version: OptionalId = None
    initiator_party_id: OptionalId = None
    scheduler_party_id: OptionalId = None
    engine_name: str | None = None
    cores: int | None = None
    remaining_cores: int | None = None
    resource_in_use: bool | None = None
    create_time: Millis = None
    update_time: Millis = None
    start_time: Millis = None
    end_time: Millis = None
    elapsed: int | None = None
    parties: list[PartyGroup] = Field(default_factory=list)
    partners: list[Id] | None = None
    dag: Mapping = Field(default_factory=dict, repr=False)

    @property
    def extra(self) -> dict[str, Any]:
        """``dag.conf.extra``: what the submitter wrote there, kept on every party and on every copy of the job."""
        dag = self.dag.get("dag")
        conf = dag.get("conf") if isinstance(dag, dict) else None
        extra = conf.get("extra") if isinstance(conf, dict) else None
        return extra if isinstance(extra, dict) else {}


class JobPage(FlowModel):
    """A page of ``job.list``.

    :ivar count: matches before paging, and before the ``partner`` filter.
    """

    count: int
    jobs: list[JobRecord] = Field(alias="data")


class DataView(FlowModel):
    """The tables that each party of a job reads: ``{role: {party_id: [{"namespace": ..., "name": ...}]}}``."""

    data_view: dict[str, dict[str, list[dict[str, Any]]]]


class DagDependency(FlowModel):
    """How the tasks of a job depend on each other.

    :ivar component_list: task names in topological order.
    :ivar component_module: component by task.
    :ivar component_stage: stage by task.
    :ivar dependencies: by task, what it takes from where.
    """

    component_list: list[str]
    component_module: dict[str, str]
    component_stage: dict[str, str | None] = Field(default_factory=dict)
    dependencies: dict[str, list[dict[str, Any]]] = Field(default_factory=dict)
