"""Which tables the jobs of a site use: what they read, and what they write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.site.records import UNFINISHED

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import JobRecord

__all__ = ["Access", "TableUse", "named_tables", "users_of", "uses"]

Access = Literal["reads", "writes"]

_WRITERS = ("upload", "dataframe_transformer")
"""Components that make a table of the name that stands in their parameters."""
_READERS = ("reader", "download")
"""Components that read the table whose name stands in their parameters."""


@dataclass(frozen=True, slots=True)
class TableUse:
    """That a job of this site uses a table.

    :param job_id: the job.
    :param role: role of the party that uses it, a party that this site plays.
    :param party_id: id of that party.
    :param access: ``reads`` or ``writes``.
    """

    job_id: str
    role: str
    party_id: str
    access: Access

    def __str__(self) -> str:
        return f"job {self.job_id} {self.access} it as {self.role} {self.party_id}"


def uses(flow: FlowClient, unfinished: Sequence[str] = UNFINISHED) -> dict[TableName, list[TableUse]]:
    """The tables that the site's unfinished jobs use, and which job does.

    Only the parties that the site plays itself count: a standalone site plays them all. What a job has read already,
    or has yet to write, counts as well. A table whose name this package cannot write is left out.

    :param unfinished: statuses of the jobs that count.
    """
    found: dict[TableName, list[TableUse]] = {}
    # Unfinished jobs are few, and one page is one moment: a job that starts between two pages is not missed.
    for record in flow.job.list(statuses=unfinished, limit=0).jobs:
        for namespace, name, access in named_tables(record):
            try:
                table = TableName(namespace, name)
            except FateInputError:
                continue
            use = TableUse(record.job_id, record.role, record.party_id, access)
            users = found.setdefault(table, [])
            if use not in users:
                users.append(use)
    return found


def users_of(flow: FlowClient, table: TableName) -> list[TableUse]:
    """The unfinished jobs of the site that use a table.

    :param table: the table.
    """
    return uses(flow).get(table, [])


def named_tables(record: JobRecord) -> Iterator[tuple[str, str, Access]]:
    """Namespace and name of each table that the DAG names for the record's own party, and whether it is written.

    These are the parameters of readers, downloads, uploads and transformers, and the tables that a task takes as its
    input directly. What tasks hand on to each other has no name here.

    :param record: a job's record of one party.
    """
    spec = record.dag.get("dag") or {}
    party = (record.role, record.party_id)
    for task_name, task in (spec.get("tasks") or {}).items():
        if not _takes_part(party, task.get("parties") or spec.get("parties")):
            continue
        component = str(task.get("component_ref")).lower()
        if component in _WRITERS or component in _READERS:
            parameters = _parameters(spec, task_name, party)
            if parameters.get("namespace") and parameters.get("name"):
                access: Access = "writes" if component in _WRITERS else "reads"
                yield str(parameters["namespace"]), str(parameters["name"]), access
        for source in _warehouse_sources(task, party):
            yield source["namespace"], source["name"], "reads"


def _parameters(spec: Mapping[str, Any], task_name: str, party: tuple[str, str]) -> dict[str, Any]:
    """Parameters of a task for one party: those of all parties, and on top of them the party's own."""
    merged = dict(spec["tasks"][task_name].get("parameters") or {})
    for entry in (spec.get("party_tasks") or {}).values():
        if _takes_part(party, entry.get("parties")):
            merged |= ((entry.get("tasks") or {}).get(task_name) or {}).get("parameters") or {}
    return merged


def _warehouse_sources(task: Mapping[str, Any], party: tuple[str, str]) -> Iterator[dict[str, str]]:
    """Tables that stand as a task's input themselves, as the raw table of a transformer does."""
    for channel in (((task.get("inputs") or {}).get("data")) or {}).values():
        source = (channel or {}).get("data_warehouse")
        for item in source if isinstance(source, list) else [source] if source else []:
            if item.get("namespace") and item.get("name") and _takes_part(party, item.get("parties") or None):
                yield {"namespace": str(item["namespace"]), "name": str(item["name"])}


def _takes_part(party: tuple[str, str], parties: Sequence[Mapping[str, Any]] | None) -> bool:
    """Whether the party is one of these; nobody named means everybody."""
    if parties is None:
        return True
    return any(group.get("role") == party[0] and party[1] in map(str, group["party_id"]) for group in parties)
