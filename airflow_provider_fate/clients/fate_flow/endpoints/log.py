"""``flow.log``: the logs that this site has of a job."""

from __future__ import annotations

from typing import get_args

from airflow_provider_fate.clients.http import Group, Reply, Request, Transport, endpoint, get, without_none
from airflow_provider_fate.errors import FateInvalidParameterError

from ..models import LogLine, LogType
from ..names import check_id

__all__ = ["LogGroup"]


class LogGroup(Group[Transport]):
    """Logs. What is passed here ends in a shell on the server, so nothing but checked ids leaves.

    The components' own logs and output are only in ``job.download_logs``.
    """

    @endpoint
    def count(
        self,
        log_type: LogType,
        job_id: str,
        role: str | None = None,
        party_id: str | None = None,
        task_name: str | None = None,
        *,
        instance_id: str | None = None,
    ) -> Request[int]:
        """Return how many lines a log has; 0 also for one that does not exist, and for other sites' logs.

        :param instance_id: the FATE-Flow process that has it, where a site runs several (``server.version``).
        """
        params = _place(log_type, job_id, role, party_id, task_name, instance_id)
        return get("/log/count", lambda reply: int(reply.data or 0), params=params)

    @endpoint
    def query(
        self,
        log_type: LogType,
        job_id: str,
        role: str,
        party_id: str,
        task_name: str | None = None,
        *,
        begin: int | None = None,
        end: int | None = None,
        instance_id: str | None = None,
    ) -> Request[list[LogLine]]:
        """Return lines of a log; ``[]`` for one that does not exist, and for other sites' logs.

        :param begin: first line, from 1.
        :param end: last line, inclusive.
        """
        if (begin is not None and begin < 1) or (end is not None and end < (begin or 1)):
            raise FateInvalidParameterError(
                f"lines {begin} to {end}: no such lines.", hint="Lines count from 1; end is not before begin."
            )
        params: dict[str, str | int] = dict(_place(log_type, job_id, role, party_id, task_name, instance_id))
        return get("/log/query", _lines, params={**params, **without_none(begin=begin, end=end)})


def _place(
    log_type: LogType,
    job_id: str,
    role: str | None,
    party_id: str | None,
    task_name: str | None,
    instance_id: str | None,
) -> dict[str, str]:
    if log_type not in get_args(LogType):
        raise FateInvalidParameterError(
            f"log_type {log_type!r} does not exist.", hint=f"Choose one of {', '.join(get_args(LogType))}."
        )
    ids = without_none(job_id=job_id, role=role, party_id=party_id, task_name=task_name, instance_id=instance_id)
    return {"log_type": log_type, **{name: check_id(name, value) for name, value in ids.items()}}


def _lines(reply: Reply) -> list[LogLine]:
    lines = [LogLine.model_validate(line) for line in reply.data or ()]
    # FATE-Flow splits "a\n" into "a" and "": the last, empty line is in no file.
    return lines[:-1] if lines and not lines[-1].content else lines
