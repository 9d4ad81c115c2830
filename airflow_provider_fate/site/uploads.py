"""The uploads of a site, and the list of its jobs page by page.

FATE-Flow has no list of tables and keeps no time of a table. What tells that a table exists, and since when, is the
local job that made it: an upload, or a transformer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.site.usage import named_tables

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord, JobStatus

__all__ = ["records", "uploads"]

PAGE = 100
"""Records that are asked for at once; each weighs up to 10 kB."""


def uploads(
    flow: FlowClient, *, statuses: Sequence[JobStatus | str] = ("success",)
) -> Iterator[tuple[TableName, JobRecord]]:
    """Tables that local jobs of the site have written, with the job, newest first.

    A table comes once for each of its uploads: the first one is its newest. That it was written does not say that it
    is still there. Without a record are tables whose upload job was cleaned, and bound paths, which need no job.

    :param statuses: jobs in these statuses; only a successful one has written its table.
    """
    for record in records(flow, roles=("local",), statuses=statuses):
        for namespace, name, access in named_tables(record):
            if access == "writes":
                try:
                    yield TableName(namespace, name), record
                except FateInputError:  # written by another tool, under a name that no operator of ours can give
                    continue


def records(
    flow: FlowClient, *, roles: Sequence[str] = (), statuses: Sequence[JobStatus | str] = ()
) -> Iterator[JobRecord]:
    """All records of jobs that the site has, newest first, page by page; none comes twice.

    :param roles: any of these; likewise ``statuses``.
    """
    seen: set[tuple[str, str, str]] = set()
    page = 0
    while True:
        page += 1
        found = flow.job.list(limit=PAGE, page=page, roles=roles, statuses=statuses).jobs
        for record in found:
            key = (record.job_id, record.role, record.party_id)
            if key not in seen:  # a job that has begun meanwhile pushes the others on to the next page
                seen.add(key)
                yield record
        if len(found) < PAGE:
            return
