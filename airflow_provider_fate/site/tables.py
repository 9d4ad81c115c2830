"""The tables that a DAG reads: which they are, and whether this site has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateTableNotFound

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.hooks.site import FateSite


@dataclass(frozen=True)
class ReadTable:
    """A table that a party reads.

    :param task: name of the reader in the DAG.
    :param role: role of the party.
    :param party_id: id of the party.
    """

    task: str
    role: str
    party_id: str
    namespace: str
    name: str


def read_tables(dag: Mapping[str, Any]) -> Iterator[ReadTable]:
    """Tables named by the readers of a DAG, per party.

    :param dag: a checked DAG, ``{"dag": ...}``.
    """
    spec = dag["dag"]
    readers = {name for name, task in spec["tasks"].items() if task.get("component_ref") == "reader"}
    for group in (spec.get("party_tasks") or {}).values():
        for name, task in (group.get("tasks") or {}).items():
            parameters = task.get("parameters") or {}
            if name in readers and "name" in parameters:
                for party in group["parties"]:
                    for party_id in party["party_id"]:
                        yield ReadTable(
                            name,
                            party["role"],
                            party_id,
                            str(parameters["namespace"]),
                            str(parameters["name"]),
                        )


def require_own_tables(flow: FlowClient, site: FateSite, dag: Mapping[str, Any]) -> None:
    """Check that the site has the tables that its own party reads; a partner's cannot be seen.

    :raises FateTableNotFound: one is missing.
    """
    for table in read_tables(dag):
        if table.party_id != site.party_id:
            continue
        try:
            flow.table.query(table.namespace, table.name)
        except FateTableNotFound:
            raise FateTableNotFound(
                f"{table.task} of {table.role} {table.party_id} reads {table.namespace}.{table.name}, but the site of "
                f"connection {site.conn_id!r} has no such table.",
                hint="Upload it first (FateUploadOperator), or correct the name. Namespace and name are "
                "case sensitive.",
            ) from None
