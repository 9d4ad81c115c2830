"""Which Airflow task a job belongs to.

A job carries only a digest of its task, because every party can read it. Whoever has Airflow's database can make the
digests of its tasks, and so knows the task again; a partner cannot.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.remote.identity import key_of

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord

__all__ = ["Owner", "Wanted", "owners_of"]

log = logging.getLogger(__name__)

PREFIX = "airflow-"
SLACK = timedelta(hours=1)
"""The clocks of the two servers may differ, and a job outlives its task's first part."""


@dataclass(frozen=True)
class Owner:
    """A task instance."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1

    @property
    def task(self) -> str:
        """The task, with its map index if it has one."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


@dataclass(frozen=True)
class Wanted:
    """Which tasks are asked for; ``None``: any."""

    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None

    def __bool__(self) -> bool:
        return any((self.dag_id, self.run_id, self.task_id))


def owners_of(records: Iterable[JobRecord], wanted: Wanted | None = None) -> dict[str, Owner]:
    """The task of each job that belongs to one of this Airflow, by job id.

    :param records: the jobs.
    :param wanted: leave out all other tasks.
    """
    keys: dict[str, list[str]] = {}
    moments = []
    for record in records:
        # An upload has no label, and says it in its description.
        label = next((str(t) for t in (record.user_name, record.description) if str(t or "").startswith(PREFIX)), "")
        if label:
            keys.setdefault(label.removeprefix(PREFIX).split(" ")[0], []).append(record.job_id)
            moments += [moment for moment in (record.create_time,) if moment is not None]
    if not keys or not moments:
        return {}
    found: dict[str, Owner] = {}
    try:
        for owner in _instances(min(moments) - SLACK, max(moments) + SLACK, wanted or Wanted()):
            for job_id in keys.get(key_of(owner.dag_id, owner.run_id, owner.task_id, owner.map_index), ()):
                found[job_id] = owner
    except Exception as e:  # a command that may not use the database shows the rest all the same
        log.debug("Airflow's database cannot be asked for the tasks of jobs: %r", e)
    return found


def _instances(since: datetime, until: datetime, wanted: Wanted) -> Iterator[Owner]:
    """Task instances that may have asked for work between two moments."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import or_, select

    table: Any = TaskInstance
    query = select(table.dag_id, table.run_id, table.task_id, table.map_index).where(
        or_(table.start_date.is_(None), table.start_date <= until),
        or_(table.end_date.is_(None), table.end_date >= since),
    )
    for column, value in (
        (table.dag_id, wanted.dag_id),
        (table.run_id, wanted.run_id),
        (table.task_id, wanted.task_id),
    ):
        if value is not None:
            query = query.where(column == value)
    with create_session() as session:
        for row in session.execute(query):
            yield Owner(*row)
