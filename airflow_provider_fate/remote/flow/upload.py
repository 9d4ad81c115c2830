"""What an upload finds on the site: unfinished uploads into the table, and the table itself."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateConflictError, FateError, FateJobNotFound, FateTableNotFound
from airflow_provider_fate.remote.flow import jobs as flow_jobs
from airflow_provider_fate.remote.flow.jobs import UNFINISHED
from airflow_provider_fate.remote.flow.upload_mark import UploadMark, columns_digest, local_tasks
from airflow_provider_fate.remote.flow.usage import users_of

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, TableRecord
    from airflow_provider_fate.remote.flow.jobs import FlowJobs
    from airflow_provider_fate.remote.identity import WorkIdentity

__all__ = [
    "ExistingTable",
    "difference",
    "existing_table",
    "refuse_while_read",
    "stop_own_uploads",
    "take_up_upload",
    "upload_of",
    "wait_for_upload",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExistingTable:
    """A table of the site, and the upload that has made it.

    :param record: the table.
    :param job_id: the job that made it; empty if it has no such job any more.
    :param mark: what the job tells; ``None`` if this package has not uploaded it.
    """

    record: TableRecord
    job_id: str = ""
    mark: UploadMark | None = None


def existing_table(jobs: FlowJobs, table: TableName) -> ExistingTable | None:
    """The table of this name, if there is one."""
    try:
        record = jobs.flow.table.query(table.namespace, table.name)
    except FateTableNotFound:
        return None
    task, name = str(record.source.get("task_id", "")), str(record.source.get("task_name", ""))
    job_id = task.removesuffix(f"_{name}")
    if not job_id or job_id == task or not job_id.isalnum():
        return ExistingTable(record)
    try:
        makers = jobs.flow.job.query(job_id=job_id)
    except FateJobNotFound:
        return ExistingTable(record)
    mark = next((mark for maker in makers if (mark := UploadMark.of_job(maker))), None)
    return ExistingTable(record, job_id, mark)


def take_up_upload(jobs: FlowJobs, table: TableName, identity: WorkIdentity, version: str) -> JobRecord | None:
    """The unfinished upload into this table that an earlier try of the task has begun, if it is still the right one.

    An upload's job exists only when all of the file has arrived: what is unfinished is FATE's part of the work. Our own
    upload of something else is stopped.

    :param version: what this try would upload, see :class:`UploadMark`.
    :raises FateConflictError: somebody else is uploading into the table: the two would mix.
    """
    for record in _unfinished_into(jobs, table):
        mark = UploadMark.of_job(record)
        if mark is None or mark.key != identity.key:
            raise FateConflictError(
                f"Upload job {record.job_id} is writing into table {table} right now.",
                job_id=record.job_id,
                hint="Wait until it has ended, stop it, or give this table a name of its own.",
            )
        if mark.epoch == identity.epoch and mark.version == version:
            log.info("Attaching to upload job %s of an earlier try", record.job_id)
            return record
        log.info("Stopping upload job %s of an earlier try", record.job_id)
        jobs.stop(record.job_id)
    return None


def wait_for_upload(jobs: FlowJobs, table: TableName, identity: WorkIdentity, version: str, reason: FateError) -> str:
    """The job of an upload whose answer was lost.

    :raises FateError: ``reason``, if no such job appears.
    """
    end = time.monotonic() + flow_jobs.APPEAR_PATIENCE
    while True:
        if record := take_up_upload(jobs, table, identity, version):
            return record.job_id
        found = existing_table(jobs, table)
        if found and found.mark and (found.mark.key, found.mark.epoch) == (identity.key, identity.epoch):
            return found.job_id
        if time.monotonic() > end:
            raise reason
        time.sleep(1)


def refuse_while_read(jobs: FlowJobs, table: TableName) -> None:
    """Make sure that no running job reads the table that is about to be replaced.

    :raises FateConflictError: one does.
    """
    readers = [use for use in users_of(jobs.flow, table) if use.access == "reads"]
    if readers:
        raise FateConflictError(
            f"Table {table} cannot be replaced now: {'; '.join(str(use) for use in readers[:3])}.",
            job_id=readers[0].job_id,
            hint="Its rows would change under the job. Wait until it has ended, or use a dated name.",
        )


def stop_own_uploads(jobs: FlowJobs, table: TableName, identity: WorkIdentity) -> None:
    """Stop what this task is uploading into the table."""
    for record in _unfinished_into(jobs, table):
        mark = UploadMark.of_job(record)
        if mark is not None and mark.key == identity.key:
            jobs.stop(record.job_id)


def upload_of(jobs: FlowJobs, job_id: str) -> tuple[TableName, UploadMark]:
    """The table that an upload's job of this package has written, and its mark."""
    for record in jobs.flow.job.query(job_id=job_id):
        mark = UploadMark.of_job(record)
        for task in local_tasks(record.dag).values():
            parameters = task.get("parameters") or {}
            if mark and parameters.get("namespace") and parameters.get("name"):
                return TableName(str(parameters["namespace"]), str(parameters["name"])), mark
    raise FateJobNotFound(f"Job {job_id} is not an upload of this provider.", job_id=job_id)


def difference(arrived: TableRecord, mark: UploadMark) -> str:
    """How a table differs from what was sent, in words; empty if it does not."""
    if arrived.data_type not in (None, "dataframe"):
        return f"the type {arrived.data_type}, and not dataframe"
    if arrived.count != mark.rows:
        return f"{arrived.count} rows, but {mark.rows} were sent"
    if columns_digest(arrived.columns) != mark.columns:
        return f"other columns than were sent: {', '.join(arrived.columns[:20])}"
    return ""


def _unfinished_into(jobs: FlowJobs, table: TableName) -> list[JobRecord]:
    records = jobs.flow.job.list(statuses=UNFINISHED, roles=("local",), limit=0).jobs
    return [record for record in records if _writes(record, table)]


def _writes(record: JobRecord, table: TableName) -> bool:
    for task in local_tasks(record.dag).values():
        parameters = task.get("parameters") or {}
        if (parameters.get("namespace"), parameters.get("name")) == (table.namespace, table.name):
            return True
    return False
