"""Which table of a FATE site is meant, and its archive, brought here whole."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_fate.data.archive import ArchiveLimits
from airflow_provider_fate.data.output_contents import Contents, OutputTable, inspect_archive
from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import (
    FateArchiveError,
    FateConnectionError,
    FateInputError,
    FateJobNotFound,
    FateNotFoundError,
    FateTableNotFound,
    FateTaskNotFound,
    is_transient,
)

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import TableRef

__all__ = ["SourceTable", "TaskOutput", "abridged", "fetch", "find_output", "find_table"]

log = logging.getLogger(__name__)

TRIES = 3
"""How often a download that was not whole is made; the client repeats what the network has broken besides."""
PAUSE = 2.0
"""Seconds before the second; each further pause is twice as long."""


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table of a site.

    :ivar what: as it was asked for, for messages.
    """

    namespace: str
    name: str
    what: str

    def look(self, flow: FlowClient) -> OutputTable:
        """Ask the site what it is like now.

        :raises FateTableNotFound: the site has no such table.
        :raises FateInputError: it is a folder of the server and has no rows.
        """
        record = flow.table.query(self.namespace, self.name)
        if record.data_type == "data_directory":
            raise FateInputError(
                f"{self.what} is a path on the server and not a table of rows",
                hint="Copy it from the server's disk.",
            )
        return OutputTable.of(record.meta, record.count)


@dataclass(frozen=True, slots=True)
class TaskOutput:
    """An output of a task of a job, at one of its parties.

    :ivar role: the party's role; ``None``: the one that it has, guest where it has several.
    :ivar output: output key, such as ``train_output_data``; ``None``: the only one that the task has.
    :ivar index: number of the table under this key, from 0; ``None``: the only one.
    """

    job_id: str
    task: str
    party_id: str
    role: str | None = None
    output: str | None = None
    index: int | None = None


def abridged(names: Iterable[str], most: int = 30) -> str:
    """Names in a line of a log; tables may have thousands of columns."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


def find_table(flow: FlowClient, name: str) -> SourceTable:
    """Return a table that is asked for by its name.

    :raises FateInputError: it is not the name of a table.
    :raises FateTableNotFound: the site has no such table.
    """
    parsed = TableName.parse(name)
    try:
        flow.table.query(parsed.namespace, parsed.name)
    except FateTableNotFound:
        raise FateTableNotFound(
            f"This site has no table {parsed}.",
            hint="Namespace and name are case sensitive. For an output of a job give `job` and `task`.",
        ) from None
    return SourceTable(parsed.namespace, parsed.name, f"table {parsed}")


def find_output(flow: FlowClient, wanted: TaskOutput) -> SourceTable:
    """Return the table of an output.

    :raises FateNotFoundError: there is no such job, task or output; names those that there are.
    :raises FateInputError: which of several outputs is meant was not said.
    """
    records = flow.job.query(job_id=wanted.job_id)
    if not records:
        raise FateJobNotFound(
            f"This site does not know job {wanted.job_id}.",
            job_id=wanted.job_id,
            hint="Was it run over another connection, or cleaned?",
        )
    roles = [str(record.role) for record in records if record.party_id == wanted.party_id]
    role = wanted.role or ("guest" if "guest" in roles or not roles else roles[0])
    party = f"{role} {wanted.party_id}"
    tasks = flow.task.query(job_id=wanted.job_id, role=role, party_id=wanted.party_id)
    if not tasks:
        parties = ", ".join(sorted(f"{record.role} {record.party_id}" for record in records))
        raise FateTaskNotFound(
            f"Job {wanted.job_id} has no tasks of {party} on this site.",
            job_id=wanted.job_id,
            hint=f"This site has records of it for {parties}: give role and party_id.",
        )
    states = {task.task_name: str(task.party_status or task.status) for task in tasks}
    if wanted.task not in states:
        raise FateTaskNotFound(
            f"Job {wanted.job_id} has no task {wanted.task!r}.",
            job_id=wanted.job_id,
            hint=_with_data(flow, wanted, role, states),
        )
    tables = flow.output.data_tables(wanted.job_id, role, wanted.party_id, wanted.task)
    if not tables:
        raise FateNotFoundError(
            f"Task {wanted.task} of job {wanted.job_id} has no data at {party}; it is {states[wanted.task]}.",
            job_id=wanted.job_id,
            hint=_with_data(flow, wanted, role, states),
        )
    key, ref, index = _choose(wanted, tables)
    what = f"{key} of task {wanted.task} of job {wanted.job_id}"
    return SourceTable(ref.namespace, ref.name, what if len(tables[key]) == 1 else f"{what} (number {index})")


def _choose(wanted: TaskOutput, tables: Mapping[str, Sequence[TableRef]]) -> tuple[str, TableRef, int]:
    there = ", ".join(sorted(tables))
    key = wanted.output or (next(iter(tables)) if len(tables) == 1 else None)
    if key is None:
        raise FateInputError(
            f"task {wanted.task!r} has several outputs, and `output` does not say which is meant",
            hint=f"It has {there}.",
        )
    if key not in tables:
        raise FateNotFoundError(
            f"Task {wanted.task} of job {wanted.job_id} has no output {key!r}.",
            job_id=wanted.job_id,
            hint=f"It has {there}.",
        )
    refs = tables[key]
    index = wanted.index if wanted.index is not None or len(refs) > 1 else 0
    if index is None or not 0 <= index < len(refs):
        raise FateInputError(
            f"index={wanted.index!r}: output {key!r} of task {wanted.task!r} has {len(refs)} tables",
            hint=f"Give `index`, from 0 to {len(refs) - 1}.",
        )
    return key, refs[index], index


def _with_data(flow: FlowClient, wanted: TaskOutput, role: str, states: Mapping[str, str]) -> str:
    """A sentence about which tasks of the job have which data."""
    found = []
    for task, state in states.items():
        tables = flow.output.data_tables(wanted.job_id, role, wanted.party_id, task)
        if tables:
            found.append(f"{task} ({', '.join(sorted(tables))})")
        elif state != "success":
            found.append(f"{task} ({state})")
    return f"It has: {'; '.join(found)}." if found else "No task of it has data at this party."


def fetch(
    flow: FlowClient, wanted: SourceTable, path: Path, limits: ArchiveLimits | None = None
) -> tuple[OutputTable, Contents]:
    """Download a table and look through its archive; once more, where it has not come whole.

    FATE-Flow knows no ranges: what has broken off begins again.

    :param path: where the archive goes.
    :returns: what the site says about the table, and what the archive holds.
    :raises FateConnectionError: the site could not be reached, or broke off again and again.
    :raises FateArchiveError: the archive is refused, or was damaged again and again.
    """
    pause = PAUSE
    for number in range(1, TRIES + 1):
        try:
            table = wanted.look(flow)
            flow.data.download(wanted.namespace, wanted.name, path)
            return table, inspect_archive(path, table, limits=limits)
        except (FateArchiveError, FateConnectionError) as error:
            if number == TRIES or not is_transient(error):
                raise
            log.warning("%s (download %d of %d, again in %.0f s)", error.message, number, TRIES, pause)
            time.sleep(pause)
            pause *= 2
    raise AssertionError("the last try either returns or raises")
