"""Transforming a raw table into a dataframe: how its job is known again, and what has to be looked at before.

A transformer is a local job of FATE-Flow. Its DAG has no room for a mark, so its description has one. When it has
succeeded, FATE deletes the raw table: a task that runs again can only find what it did before, not do it again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateInputError, FateTableNotFound
from airflow_provider_fate.remote.flow.jobs import UNFINISHED, user_name
from airflow_provider_fate.remote.flow.ref import JobRef
from airflow_provider_fate.remote.flow.replace import find, make_room, refuse_used
from airflow_provider_fate.remote.flow.usage import named_tables, users_of

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord
    from airflow_provider_fate.remote.flow.jobs import FlowJobs
    from airflow_provider_fate.remote.identity import WorkIdentity

__all__ = ["Note", "Transform"]

log = logging.getLogger(__name__)

RAW = "table"
"""FATE's type of a raw table."""


@dataclass(frozen=True)
class Note:
    """What the description of a transformer's job says.

    :param user: the task whose job it is, as :func:`~.jobs.user_name` writes it.
    :param epoch: which clear of that task it was.
    :param rows: how many rows the raw table had.
    """

    user: str
    epoch: int
    rows: int

    @property
    def text(self) -> str:
        """As one line."""
        return f"{self.user} epoch {self.epoch} rows {self.rows}"

    @classmethod
    def of(cls, record: JobRecord) -> Self | None:
        """The note of a job; ``None`` if it has none of this form."""
        found = re.fullmatch(r"(\S+) epoch (\d+) rows (\d+)", record.description or "")
        return cls(found[1], int(found[2]), int(found[3])) if found else None


@dataclass(frozen=True)
class Transform:
    """A transformation of one table into another.

    :param jobs: of the site.
    :param source: the raw table.
    :param table: what it shall become.
    """

    jobs: FlowJobs
    source: TableName
    table: TableName

    def begun(self, identity: WorkIdentity) -> JobRef | None:
        """The job by which this task has begun it, if it runs or has succeeded; one from before a clear is stopped."""
        for record in self._noted(identity):
            note = Note.of(record)
            if note and note.epoch == identity.epoch and record.status in (*UNFINISHED, "success"):
                log.info("Attaching to job %s (%s), which this task has submitted before", record.job_id, record.status)
                return self._ref(record)
            if record.status in UNFINISHED:
                log.warning("Stopping job %s, left from before this task was cleared", record.job_id)
                self.jobs.stop(record.job_id)
        # One that was submitted, but could not be described any more.
        for record in self._same(statuses=UNFINISHED):
            if not record.description:
                log.info("Attaching to job %s, which transforms the same table", record.job_id)
                return self._ref(record)
        return None

    def submit(self, identity: WorkIdentity, *, site_name: str | None, overwrite: bool) -> JobRef:
        """Check both tables, then start the job.

        :param site_name: the party's name in anonymous names of columns.
        :param overwrite: whether the table may replace another one.
        :raises FateTableNotFound: there is no such raw table.
        :raises FateInputError: it is none.
        :raises FateTableExists, FateConflictError: the name is taken, or a job uses one of the tables.
        """
        from airflow_provider_fate.clients.fate_flow.models import TableRef

        flow = self.jobs.flow
        raw = find(flow, self.source)
        if raw is None:
            return self._done_before()
        if raw.data_type != RAW:
            raise FateInputError(
                f"source={str(self.source)!r} is not a raw table, but a {raw.data_type}.",
                hint="A dataframe needs no transformer: jobs read it as it is."
                if raw.data_type == "dataframe"
                else "Name a table that was uploaded without a name.",
            )
        refuse_used(self.source, users_of(flow, self.source), "FATE deletes a raw table once it is transformed.")
        make_room(flow, self.table, overwrite=overwrite)
        ref = TableRef(namespace=self.source.namespace, name=self.source.name)
        started = flow.data.transform(
            ref, namespace=self.table.namespace, name=self.table.name, site_name=site_name, drop=True
        )
        note = Note(user_name(identity), identity.epoch, raw.count or 0)
        flow.job.add_notes(started.job_id, "local", "0", note.text)
        log.info("Transforming %s (%s rows) into %s as job %s", self.source, raw.count, self.table, started.job_id)
        return JobRef(job_id=started.job_id, role="local", party_id="0")

    def expected_rows(self, ref: JobRef) -> int | None:
        """How many rows the raw table had; ``None``: the job does not say."""
        for record in self.jobs.flow.job.query(job_id=ref.job_id):
            if note := Note.of(record):
                return note.rows
        return None

    def stop_begun(self, identity: WorkIdentity) -> None:
        """Stop what this task has begun, as far as it can be told."""
        for record in self._same(statuses=UNFINISHED):
            note = Note.of(record)
            if not record.description or (note and note.user == user_name(identity)):
                self.jobs.stop(record.job_id)

    def _done_before(self) -> JobRef:
        """The job that has transformed the raw table into this one already, after which FATE has deleted it."""
        made = find(self.jobs.flow, self.table)
        source = str(made.source.get("task_id") or "") if made else ""
        for record in self._same(statuses=("success",)):
            if source.startswith(f"{record.job_id}_"):
                log.info("%s was transformed into %s before, by job %s", self.source, self.table, record.job_id)
                return self._ref(record)
        raise FateTableNotFound(
            f"The site of connection {self.jobs.site.conn_id!r} has no raw table {self.source}.",
            hint="Upload it first, or correct the name (case counts). FATE deletes a raw table when it has been read.",
        )

    def _noted(self, identity: WorkIdentity) -> Iterator[JobRecord]:
        user = user_name(identity)
        for record in self.jobs.flow.job.list(description=user, roles=("local",), limit=0).jobs:
            note = Note.of(record)
            if note and note.user == user and self._is_same(record):
                yield record

    def _same(self, statuses: tuple[str, ...]) -> Iterator[JobRecord]:
        from airflow_provider_fate.remote.flow.uploads import records

        return filter(self._is_same, records(self.jobs.flow, roles=("local",), statuses=statuses))

    def _is_same(self, record: JobRecord) -> bool:
        """Whether a job makes this table of this source."""
        return {
            (self.source.namespace, self.source.name, "reads"),
            (self.table.namespace, self.table.name, "writes"),
        } == set(named_tables(record))

    def _ref(self, record: JobRecord) -> JobRef:
        return JobRef(job_id=record.job_id, role=record.role, party_id=record.party_id)
