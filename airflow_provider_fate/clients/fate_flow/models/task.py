"""Tasks as FATE-Flow reports them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from .base import FlowModel, Id, Millis

__all__ = ["TaskPage", "TaskRecord", "TaskStatus"]


class TaskStatus(StrEnum):
    """Status of a task."""

    WAITING = "waiting"
    RUNNING = "running"
    CANCELED = "canceled"
    TIMEOUT = "timeout"
    FAILED = "failed"
    PASS = "pass"  # noqa: S105 -- not a password
    SUCCESS = "success"
    UNKNOWN = "unknown"
    """A word that this package does not know."""

    @classmethod
    def _missing_(cls, value: object) -> TaskStatus:
        return cls.UNKNOWN

    @property
    def is_terminal(self) -> bool:
        """Whether this version of the task has ended."""
        return self not in (TaskStatus.WAITING, TaskStatus.RUNNING, TaskStatus.UNKNOWN)


class TaskRecord(FlowModel):
    """One party's record of one version of a task.

    :ivar task_version: 0, and one more with each rerun.
    :ivar status: the result of all parties together.
    :ivar party_status: the result of this party. A task that a partner stopped keeps ``status`` canceled and
        ``party_status`` failed.
    :ivar error_report: the traceback, on the party where it was raised only.
    :ivar component_parameters: everything the component was started with; large.
    """

    job_id: Id
    role: str
    party_id: Id
    task_id: str
    task_name: str
    task_version: int = 0
    component: str | None = None
    status: TaskStatus
    party_status: TaskStatus | None = None
    error_report: str | None = None
    provider_name: str | None = None
    execution_id: str | None = None
    run_ip: str | None = None
    run_pid: int | None = None
    task_cores: int | None = None
    timeout: int | None = None
    create_time: Millis = None
    update_time: Millis = None
    start_time: Millis = None
    end_time: Millis = None
    elapsed: int | None = None
    component_parameters: dict[str, Any] | None = Field(default=None, repr=False)


class TaskPage(FlowModel):
    """A page of ``task.versions``: every version of the tasks, newest first.

    :ivar count: matches before paging.
    """

    count: int
    tasks: list[TaskRecord] = Field(alias="data")
