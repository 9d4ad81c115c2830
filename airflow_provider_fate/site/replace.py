"""Taking a table away: for good, or because another one gets its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import (
    FateConflictError,
    FateNotOfferedError,
    FateServerError,
    FateTableExists,
    FateTableNotFound,
)
from airflow_provider_fate.site.usage import TableUse, users_of, uses

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.clients.fate_flow.models import TableRecord
    from airflow_provider_fate.data.table import TableName

__all__ = ["DIRECTORY", "delete", "find", "make_room", "refuse_used"]

DIRECTORY = "data_directory"
"""FATE's type of a table that is a path of the server."""


def find(flow: FlowClient, table: TableName) -> TableRecord | None:
    """What the site knows of a table; ``None``: it has none of that name."""
    try:
        return flow.table.query(table.namespace, table.name)
    except FateTableNotFound:
        return None


def delete(flow: FlowClient, tables: Iterable[TableName]) -> tuple[list[TableName], list[TableName]]:
    """Delete tables that no unfinished job uses, and make sure that they are gone.

    All of them are checked before the first one is deleted.

    :returns: those that were deleted, and those that were not there.
    :raises FateConflictError: an unfinished job uses one.
    :raises FateNotOfferedError: one is a bound path.
    :raises FateServerError: one is still there afterwards.
    """
    found: list[TableName] = []
    missing: list[TableName] = []
    for table in tables:
        record = find(flow, table)
        (missing if record is None else found).append(table)
        if record is not None and record.data_type == DIRECTORY:
            raise FateNotOfferedError(
                f"Table {table} is a bound path ({record.path}), and FATE-Flow cannot delete those.",
                hint="Leave it: nothing but the name is stored. It can be bound to another path "
                "(FateBindPathOperator with overwrite=True), or written over by an upload. Nothing was deleted.",
            )
    used = uses(flow)
    for table in found:
        refuse_used(table, used.get(table, []), "Nothing was deleted.")
    for table in found:
        _delete_one(flow, table)
    return found, missing


def make_room(flow: FlowClient, table: TableName, *, overwrite: bool) -> None:
    """See to it that nothing has this name, before something else gets it.

    FATE-Flow replaces a table without asking, and leaves its rows on the server's disk, where nothing finds them again:
    so what is there is deleted first.

    :param overwrite: delete what has the name.
    :raises FateTableExists: something has, and ``overwrite`` is false.
    :raises FateConflictError: an unfinished job uses it.
    """
    users = users_of(flow, table)
    refuse_used(table, users, "Nothing was changed.")
    record = find(flow, table)
    if record is None:
        return
    if not overwrite:
        rows = "" if record.count is None else f" with {record.count} rows"
        raise FateTableExists(
            f"Table {table} exists already, a {record.data_type}{rows}.",
            hint="Give another name, such as one with the day in it, or set overwrite=True to replace it.",
        )
    if record.data_type != DIRECTORY:
        _delete_one(flow, table)


def refuse_used(table: TableName, users: list[TableUse], consequence: str) -> None:
    """Refuse to touch a table that unfinished jobs use.

    :param consequence: what has (not) happened, for the message.
    :raises FateConflictError: there are such jobs; names them.
    """
    if users:
        raise FateConflictError(
            f"Table {table} is in use: {'; '.join(map(str, users))}. {consequence}",
            job_id=users[0].job_id,
            hint="Wait until it has ended (retries and retry_delay do), stop it, or take another name.",
        )


def _delete_one(flow: FlowClient, table: TableName) -> None:
    try:
        flow.table.delete(table.namespace, table.name)
    except FateTableNotFound:
        return
    if find(flow, table) is not None:
        raise FateServerError(
            f"FATE-Flow says that it has deleted table {table}, but it is still there.",
            hint="Somebody may have uploaded it again meanwhile; or read the server's log.",
        )
