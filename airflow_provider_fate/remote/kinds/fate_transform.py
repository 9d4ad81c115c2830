"""Transforming a raw table into a dataframe as remote work.

A transformer is a local job of FATE-Flow. Its description has no room for a mark, so its notes have one. When it has
succeeded, FATE deletes the raw table: a task that runs again can only find what it did before, not do it again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateInputError, FateTableNotFound
from airflow_provider_fate.remote.kinds.fate_job import JobWork
from airflow_provider_fate.remote.kinds.fate_marks import user_name
from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef
from airflow_provider_fate.remote.kinds.fate_states import snapshot_of
from airflow_provider_fate.remote.work import Attempt, Piece
from airflow_provider_fate.site.records import UNFINISHED
from airflow_provider_fate.site.replace import find, make_room, refuse_used
from airflow_provider_fate.site.uploads import records
from airflow_provider_fate.site.usage import named_tables, users_of

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["FateTransform", "Note", "TransformRequest"]

log = logging.getLogger(__name__)

RAW = "table"
"""FATE's type of a raw table."""


@dataclass(frozen=True)
class Note:
    """What the description of a transformer's job says.

    :param user: the task whose job it is, as :func:`~.fate_marks.user_name` writes it.
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
class TransformRequest:
    """A transformation of one table into another.

    :param source: the raw table.
    :param table: what it shall become.
    :param site_name: the party's name in anonymous names of columns.
    :param overwrite: whether the table may replace another one.
    """

    source: TableName
    table: TableName
    site_name: str | None = None
    overwrite: bool = False

    def describes(self, record: JobRecord) -> bool:
        """Whether a job makes this table of this source."""
        return {
            (self.source.namespace, self.source.name, "reads"),
            (self.table.namespace, self.table.name, "writes"),
        } == set(named_tables(record))


class FateTransform(JobWork[TransformRequest]):
    """A transformation that this task begins."""

    async def find(self, attempt: Attempt, request: TransformRequest) -> Sequence[Piece[FateJobRef]]:
        """Find the jobs by which this task has begun it, or by which it was done already."""
        return await self.blocking(lambda session: _found(session, attempt, request))

    async def submit(
        self, attempt: Attempt, request: TransformRequest, found: Sequence[Piece[FateJobRef]]
    ) -> FateJobRef:
        """Check both tables, then start the job.

        :raises FateTableNotFound: there is no such raw table.
        :raises FateInputError: it is not a raw table.
        :raises FateTableExists, FateConflictError: the name is taken, or a job uses one of the tables.
        """
        return await self.blocking(lambda session: _start(session, attempt, request))

    async def begun(self, attempt: Attempt, request: TransformRequest) -> Sequence[FateJobRef]:
        """What this task has begun, as far as it can be told."""

        def own(session: SiteSession) -> list[FateJobRef]:
            same = filter(request.describes, records(session.client, roles=("local",), statuses=UNFINISHED))
            return [_ref(record) for record in same if not record.description or _is_own(record, attempt)]

        return await self.blocking(own)


def expected_rows(session: SiteSession, job_id: str) -> int | None:
    """How many rows the raw table had; ``None``: the job does not say."""
    notes = (Note.of(record) for record in session.client.job.query(job_id=job_id))
    return next((note.rows for note in notes if note), None)


def _ref(record: JobRecord) -> FateJobRef:
    return FateJobRef(record.job_id, record.role, record.party_id)


def _is_own(record: JobRecord, attempt: Attempt) -> bool:
    note = Note.of(record)
    return note is not None and note.user == user_name(attempt.identity)


def _found(session: SiteSession, attempt: Attempt, request: TransformRequest) -> list[Piece[FateJobRef]]:
    from airflow_provider_fate.hooks.check import verify_party

    verify_party(session.site, session.client)
    client = session.client
    noted = client.job.list(description=user_name(attempt.identity), roles=("local",), limit=0).jobs
    pieces = []
    for record in noted:
        note = Note.of(record)
        if note and _is_own(record, attempt) and request.describes(record):
            pieces.append(Piece(_ref(record), snapshot_of([record]), current=note.epoch == attempt.identity.epoch))
    # Those that were submitted, but could not be described any more.
    unfinished = filter(request.describes, records(client, roles=("local",), statuses=UNFINISHED))
    pieces += [Piece(_ref(record), snapshot_of([record])) for record in unfinished if not record.description]
    if not any(piece.current and not piece.seen.state.is_bad_end for piece in pieces):
        pieces += _done_before(session, request)
    return pieces


def _done_before(session: SiteSession, request: TransformRequest) -> list[Piece[FateJobRef]]:
    """The job that has transformed the raw table into this one already, after which FATE has deleted it."""
    if find(session.client, request.source) is not None:
        return []
    made = find(session.client, request.table)
    source = str(made.source.get("task_id") or "") if made else ""
    for record in filter(request.describes, records(session.client, roles=("local",), statuses=("success",))):
        if source.startswith(f"{record.job_id}_"):
            log.info("%s was transformed into %s before, by job %s", request.source, request.table, record.job_id)
            return [Piece(_ref(record), snapshot_of([record]))]
    return []


def _start(session: SiteSession, attempt: Attempt, request: TransformRequest) -> FateJobRef:
    from airflow_provider_fate.clients.fate_flow.models import TableRef

    flow, source, table = session.client, request.source, request.table
    raw = find(flow, source)
    if raw is None:
        raise FateTableNotFound(
            f"The site of connection {session.site.conn_id!r} has no raw table {source}.",
            hint="Upload it first, or correct the name (case counts). FATE deletes a raw table when it has been read.",
        )
    if raw.data_type != RAW:
        raise FateInputError(
            f"source={str(source)!r} is not a raw table, but a {raw.data_type}.",
            hint="A dataframe needs no transformer: jobs read it as it is."
            if raw.data_type == "dataframe"
            else "Name a table that was uploaded without a name.",
        )
    refuse_used(source, users_of(flow, source), "FATE deletes a raw table once it is transformed.")
    make_room(flow, table, overwrite=request.overwrite)
    started = flow.data.transform(
        TableRef(namespace=source.namespace, name=source.name),
        namespace=table.namespace,
        name=table.name,
        site_name=request.site_name,
        drop=True,
    )
    note = Note(user_name(attempt.identity), attempt.identity.epoch, raw.count or 0)
    flow.job.add_notes(started.job_id, "local", "0", note.text)
    log.info("Transforming %s (%s rows) into %s as job %s", source, raw.count, table, started.job_id)
    return FateJobRef(started.job_id, "local", "0")
