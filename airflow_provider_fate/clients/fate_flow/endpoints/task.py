"""``flow.task``: the tasks of a job."""

from __future__ import annotations

from airflow_provider_fate.clients.http import Group, Reply, Request, Transport, endpoint, get, without_none

from ..envelope import NO_TASK
from ..models import TaskPage, TaskRecord, TaskStatus
from ..names import check_id

__all__ = ["TaskGroup"]


class TaskGroup(Group[Transport]):
    """Tasks. A site sees its own parties' tasks only."""

    @endpoint
    def query(
        self,
        *,
        job_id: str,
        role: str | None = None,
        party_id: str | None = None,
        status: TaskStatus | str | None = None,
        task_name: str | None = None,
    ) -> Request[list[TaskRecord]]:
        """Return the latest version of each task and party; ``[]`` when there is none."""
        params = _checked(job_id=job_id, role=role, party_id=party_id, task_name=task_name)
        if status is not None:
            params["status"] = str(status)
        return get("/job/task/query", _records, params=params, accept=frozenset({NO_TASK}))

    @endpoint
    def versions(
        self,
        *,
        job_id: str | None = None,
        role: str | None = None,
        party_id: str | None = None,
        task_name: str | None = None,
        limit: int = 50,
        page: int = 1,
    ) -> Request[TaskPage]:
        """Return a page of all versions of the tasks, newest first.

        :param limit: records per page; 0 for all.
        :param page: from 1.
        """
        # Ordering is not offered: FATE-Flow ignores order_by, and fails on order.
        params: dict[str, str | int | None] = dict(
            _checked(job_id=job_id, role=role, party_id=party_id, task_name=task_name)
        )
        return get(
            "/job/task/list/query",
            lambda reply: TaskPage.model_validate(reply.data),
            params={**params, "limit": limit, "page": page if limit else None},
        )


def _checked(**ids: str | None) -> dict[str, str]:
    return {name: check_id(name, value) for name, value in without_none(**ids).items()}


def _records(reply: Reply) -> list[TaskRecord]:
    return [TaskRecord.model_validate(record) for record in reply.data or ()]
