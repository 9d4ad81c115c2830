"""What an upload finds on the site: unfinished uploads into the table, and the table itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateConflictError, FateJobNotFound, FateTableNotFound
from airflow_provider_fate.site.records import UNFINISHED
from airflow_provider_fate.site.upload_mark import UploadMark, columns_digest, local_tasks
from airflow_provider_fate.site.usage import users_of

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, TableRecord
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["ExistingTable", "difference", "existing_table", "refuse_while_read", "unfinished_into", "upload_of"]


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


def existing_table(session: SiteSession, table: TableName) -> ExistingTable | None:
    """The table of this name, if there is one."""
    try:
        record = session.client.table.query(table.namespace, table.name)
    except FateTableNotFound:
        return None
    task, name = str(record.source.get("task_id", "")), str(record.source.get("task_name", ""))
    job_id = task.removesuffix(f"_{name}")
    if not job_id or job_id == task or not job_id.isalnum():
        return ExistingTable(record)
    try:
        makers = session.client.job.query(job_id=job_id)
    except FateJobNotFound:
        return ExistingTable(record)
    mark = next((mark for maker in makers if (mark := UploadMark.of_job(maker))), None)
    return ExistingTable(record, job_id, mark)


def refuse_while_read(session: SiteSession, table: TableName) -> None:
    """Make sure that no running job reads the table that is about to be replaced.

    :raises FateConflictError: one does.
    """
    readers = [use for use in users_of(session.client, table) if use.access == "reads"]
    if readers:
        raise FateConflictError(
            f"Table {table} cannot be replaced now: {'; '.join(str(use) for use in readers[:3])}.",
            job_id=readers[0].job_id,
            hint="Its rows would change under the job. Wait until it has ended, or use a dated name.",
        )


def upload_of(session: SiteSession, job_id: str) -> tuple[TableName, UploadMark]:
    """The table that an upload's job of this package has written, and its mark."""
    for record in session.client.job.query(job_id=job_id):
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


def unfinished_into(session: SiteSession, table: TableName) -> list[JobRecord]:
    """Jobs that are writing the table."""
    records = session.client.job.list(statuses=UNFINISHED, roles=("local",), limit=0).jobs
    return [record for record in records if _writes(record, table)]


def _writes(record: JobRecord, table: TableName) -> bool:
    for task in local_tasks(record.dag).values():
        parameters = task.get("parameters") or {}
        if (parameters.get("namespace"), parameters.get("name")) == (table.namespace, table.name):
            return True
    return False
