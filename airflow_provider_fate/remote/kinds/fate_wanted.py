"""What somebody waits for at a table, and whether it has come to that."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Ownership, WorkRef

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import TableRecord

DATAFRAME = "dataframe"
_JOB_ID = re.compile(r"\d+")


@dataclass(frozen=True)
class SeenTable:
    """What a site says of a table.

    :param rows: number of rows, where it is known.
    :param kind: FATE's word for its type: ``dataframe``, ``table`` (raw) or ``data_directory``.
    :param columns: names of the columns, ids and label included.
    :param job_id: the job that made it, where the table tells.
    :param made: Unix time at which that job was created, where the site still knows it. An upload's file has arrived
        by then, so the data is not younger.
    """

    rows: int | None
    kind: str | None
    columns: tuple[str, ...] = ()
    job_id: str | None = None
    made: float | None = None


def maker_of(record: TableRecord) -> str | None:
    """Return the id of the job that made a table: the beginning of the id of the task that did."""
    found = _JOB_ID.match(str(record.source.get("task_id") or ""))
    return found.group() if found else None


@dataclass(frozen=True)
class WantedTable(WorkRef):
    """A table as somebody wants it; whoever makes it goes on whatever becomes of the task.

    :param min_rows: it has this many rows or more.
    :param newer_than: Unix time after which it must have been made; ``None``: whenever.
    :param max_age: seconds that may have passed since it was made; ``None``: any number.
    """

    namespace: str
    name: str
    min_rows: int = 1
    newer_than: float | None = None
    max_age: float | None = None

    ownership: Ownership = field(default=Ownership.OBSERVED, kw_only=True)

    @property
    def id(self) -> str:
        """The want as text, so that tasks that want the same share one answer."""
        return str(self)

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name, by which FATE-Flow is asked."""
        return self.namespace, self.name

    def __str__(self) -> str:
        terms = [f"{self.min_rows} rows or more"] if self.min_rows > 1 else []
        if self.newer_than is not None:
            terms.append(f"made after {_when(self.newer_than)}")
        if self.max_age is not None:
            terms.append(f"at most {self.max_age:g} s old")
        return f"table {self.namespace}.{self.name}" + (f" ({', '.join(terms)})" if terms else "")

    def judge(self, table: SeenTable | None, now: float) -> Snapshot:
        """Say whether the table is as wanted, and what is missing if it is not.

        :param table: what the site has; ``None``: no such table.
        :param now: Unix time.
        """
        lacking = self._lacking(table, now)
        if table is None or lacking:
            return Snapshot(WorkState.QUEUED, detail=lacking)
        found = {
            "namespace": self.namespace,
            "name": self.name,
            "count": table.rows,
            "columns": list(table.columns),
            "job_id": table.job_id,
            "made": table.made,
        }
        return Snapshot(WorkState.SUCCEEDED, detail=f"there, with {table.rows} rows", found=found)

    def _lacking(self, table: SeenTable | None, now: float) -> str:
        if table is None:
            return "not there yet"
        if table.kind != DATAFRAME:
            return f"no dataframe yet, but of type {table.kind!r}"
        if table.rows is None or table.rows < self.min_rows:
            return (
                f"{table.rows if table.rows is not None else 'an unknown number of'} rows, fewer than {self.min_rows}"
            )
        if self.newer_than is None and self.max_age is None:
            return ""
        if table.made is None:
            return f"made at a time that the site does not know any more (job {table.job_id or 'unknown'})"
        made = f"made at {_when(table.made)} by job {table.job_id}"
        if self.newer_than is not None and table.made <= self.newer_than:
            return f"{made}, not after {_when(self.newer_than)}"
        if self.max_age is not None and now - table.made > self.max_age:
            return f"{made}, more than {self.max_age:g} s ago"
        return ""


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
