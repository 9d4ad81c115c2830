"""A table on its way to a FATE site as remote work.

An upload's job exists only when all of the file has arrived: what is unfinished is FATE's part of the work.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateConflictError, FateInputError
from airflow_provider_fate.remote.kinds.fate_job import JobWork
from airflow_provider_fate.remote.kinds.fate_marks import user_name
from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef
from airflow_provider_fate.remote.kinds.fate_states import snapshot_of
from airflow_provider_fate.remote.lifecycle import end_work
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Piece
from airflow_provider_fate.site.upload import existing_table, refuse_while_read, unfinished_into
from airflow_provider_fate.site.upload_mark import UNKNOWN, UploadMark, columns_digest, digest

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, UploadMeta
    from airflow_provider_fate.data.source import Source
    from airflow_provider_fate.data.stream import Sent, TableStream
    from airflow_provider_fate.data.table import TableName
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["FateUpload", "UploadRequest"]

log = logging.getLogger(__name__)


@dataclass
class UploadRequest:
    """What a task wants to upload.

    :param table: where to; becomes ``later_name`` where the table is there with other content and ``if_exists`` is
        ``new_name``.
    :param later_name: the other name, the same in every try.
    :param if_exists: ``fail``, ``replace`` or ``new_name``.
    :param source: the rows.
    :param stream: makes the checked and rewritten rows, anew for each reading.
    :param meta: how FATE is told to read them.
    :param version: digest of the source's version and of all that makes another table of it, or ``UNKNOWN``.
    :param partitions: of the table.
    :param extend_sid: whether FATE makes a sample id.
    :param replaces: whether the table is there and is deleted before the upload ends; found out by ``find``.
    """

    table: TableName
    later_name: TableName
    if_exists: str
    source: Source
    stream: Callable[[], TableStream]
    meta: UploadMeta
    version: str
    partitions: int
    extend_sid: bool
    replaces: bool = False

    def content(self, sent: Sent) -> str:
        """Digest of the table's content, as sent, and of how FATE reads it."""
        return digest(sent.fingerprint, json.dumps(self.meta.for_server(), sort_keys=True), str(self.partitions))


class FateUpload(JobWork[UploadRequest]):
    """An upload that this task begins."""

    async def find(self, attempt: Attempt, request: UploadRequest) -> Sequence[Piece[FateJobRef]]:
        """Find the upload that makes this very table, or has made it.

        :raises FateConflictError: somebody else is uploading into the table: the two would mix.
        :raises FateInputError: it is there with other content, and is not to be replaced.
        """
        await self.blocking(_verify_party)
        found = await self._made_before(attempt, request)
        if not found and request.replaces and request.if_exists == "fail":
            raise FateInputError(
                f"Table {request.table} exists with other content, or was not uploaded by this provider.",
                hint="Give the table a dated name, such as credit.bank_{{ macros.fate.day(dag_run) }}, or say "
                "if_exists='replace' or 'new_name'.",
            )
        if not found and request.replaces and request.if_exists == "new_name":
            request.table = request.later_name
            found = await self._made_before(attempt, request)
        return found

    async def submit(self, attempt: Attempt, request: UploadRequest, found: Sequence[Piece[FateJobRef]]) -> FateJobRef:
        """Send the rows."""
        return await self.blocking(lambda session: _send(session, attempt, request))

    async def begun(self, attempt: Attempt, request: UploadRequest) -> Sequence[FateJobRef]:
        """What this task is uploading into the table."""

        def own(session: SiteSession) -> list[FateJobRef]:
            marks = [(record, UploadMark.of_job(record)) for record in unfinished_into(session, request.table)]
            return [_ref(record.job_id) for record, mark in marks if mark and mark.key == attempt.identity.key]

        return await self.blocking(own)

    async def _made_before(self, attempt: Attempt, request: UploadRequest) -> list[Piece[FateJobRef]]:
        """The job that has made this very table or is about to; whether there is a table goes into the request."""
        request.replaces = False
        if running := await self._unfinished(attempt, request):
            return [running]
        job_id = await self.blocking(lambda session: _made_by(session, request))
        return [] if job_id is None else [Piece(_ref(job_id), Snapshot(WorkState.SUCCEEDED, detail="success"))]

    async def _unfinished(self, attempt: Attempt, request: UploadRequest) -> Piece[FateJobRef] | None:
        """The upload that an earlier try has begun, if it is still the right one; one of something else is stopped.

        It is stopped before the table is looked at, which it would change.
        """
        for record in await self.blocking(lambda session: unfinished_into(session, request.table)):
            mark = UploadMark.of_job(record)
            if mark is None or mark.key != attempt.identity.key:
                raise FateConflictError(
                    f"Upload job {record.job_id} is writing into table {request.table} right now.",
                    job_id=record.job_id,
                    hint="Wait until it has ended, stop it, or give this table a name of its own.",
                )
            if (mark.epoch, mark.version) == (attempt.identity.epoch, request.version):
                return _piece(record)
            log.info("Stopping upload job %s of an earlier try", record.job_id)
            await end_work(self, _ref(record.job_id))
        return None


def _verify_party(session: SiteSession) -> None:
    from airflow_provider_fate.hooks.check import verify_party

    verify_party(session.site, session.client)


def _ref(job_id: str) -> FateJobRef:
    return FateJobRef(job_id, "local", "0")


def _piece(record: JobRecord) -> Piece[FateJobRef]:
    return Piece(_ref(record.job_id), snapshot_of([record]))


def _made_by(session: SiteSession, request: UploadRequest) -> str | None:
    """The job that has made the table of this very content, if it is there."""
    existing = existing_table(session, request.table)
    if existing is None:
        return None
    request.replaces = True
    mark = existing.mark
    if mark is None:
        return None
    if mark.version == request.version != UNKNOWN:
        log.info("Table %s is there already, made from the same version of %s", request.table, request.source.name)
        return existing.job_id
    log.info("Table %s is there: reading %s to compare its content", request.table, request.source.name)
    if request.content(request.stream().run()) == mark.content:
        log.info("It has the same content, and is kept")
        return existing.job_id
    return None


def _send(session: SiteSession, attempt: Attempt, request: UploadRequest) -> FateJobRef:
    table, identity = request.table, attempt.identity
    if request.replaces:
        refuse_while_read(session, table)
        log.warning("Table %s exists with other content and is replaced", table)
    attempt.go_on()
    stream = request.stream()
    began = time.monotonic()

    def all_is_read() -> str:
        """All rows have been found good, and FATE-Flow waits for the last bytes: make way, and give the mark."""
        attempt.go_on()
        if request.replaces:
            _make_way(session, table)
        sent = stream.sent
        assert sent is not None
        return UploadMark(
            identity.key,
            identity.epoch,
            request.version,
            request.content(sent),
            sent.rows,
            columns_digest(sent.columns),
        ).text

    job_id = session.client.data.upload_file(
        stream,
        namespace=table.namespace,
        name=table.name,
        meta=request.meta,
        partitions=request.partitions,
        extend_sid=request.extend_sid,
        mark=all_is_read,
    ).job_id
    _tell(stream, table, job_id, time.monotonic() - began)
    # So that people who look at the site's jobs see whose it is.
    session.client.job.add_notes(job_id, "local", "0", user_name(identity))
    return _ref(job_id)


def _make_way(session: SiteSession, table: TableName) -> None:
    """Delete the old table: FATE-Flow would leave its rows on the disk, where nobody reaches them."""
    refuse_while_read(session, table)
    session.client.table.delete(table.namespace, table.name)


def _tell(stream: TableStream, table: TableName, job_id: str, seconds: float) -> None:
    sent = stream.sent
    assert sent is not None
    log.info(
        "Sent %s rows of %d columns to table %s (job %s): %.1f MB in %.1f s, %.1f MB/s",
        f"{sent.rows:,}", len(sent.columns), table, job_id, sent.size / 1e6, seconds, sent.size / 1e6 / seconds,
    )  # fmt: skip
