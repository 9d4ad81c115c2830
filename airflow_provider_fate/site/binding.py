"""Giving a path of the server the name of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateInvalidParameterError, FateServerError
from airflow_provider_fate.site.replace import DIRECTORY, find, make_room

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.data.table import TableName

__all__ = ["bind", "check_path"]


def check_path(path: str, argument: str = "path") -> None:
    """Refuse what cannot be a path of a server.

    :param argument: what it was given as, for the message.
    :raises FateInvalidParameterError: it is none.
    """

    def refuse(why: str, hint: str) -> FateInvalidParameterError:
        return FateInvalidParameterError(f"{argument}={path!r} {why}.", hint=hint)

    if not str(path).startswith("/"):
        raise refuse("is not an absolute path of the server", "Write the whole path, such as '/data/images'.")
    if ".." in path.split("/"):
        raise refuse("has '..' in it", "Write the path that is meant.")
    if path != path.strip() or any(ord(letter) < 0x20 or ord(letter) == 0x7F for letter in path):
        raise refuse("has white space at an end, or control characters", "Write the path as it is on the server.")
    if not path.strip("/"):
        raise refuse("is the root of the server's disk", "Write the directory that has the data.")


def bind(flow: FlowClient, table: TableName, path: str, *, overwrite: bool) -> bool:
    """Bind a name to a path, unless it is bound to it already.

    FATE-Flow does not look whether the path exists.

    :param overwrite: take the name from whatever has it; a table that has it is deleted.
    :returns: whether anything was changed.
    :raises FateTableExists: something else has the name, and ``overwrite`` is false.
    :raises FateConflictError: an unfinished job uses what has the name.
    """
    uri = f"file://{path}"
    bound = find(flow, table)
    if bound is not None and bound.data_type == DIRECTORY and bound.path == uri:
        return False
    make_room(flow, table, overwrite=overwrite)
    flow.table.bind_path(table.namespace, table.name, path)
    bound = find(flow, table)
    if bound is None or bound.path != uri:
        raise FateServerError(f"FATE-Flow says that {table} is bound to {path}, but it is not.")
    return True
