"""``flow.table``: the tables of this site."""

from __future__ import annotations

from airflow_provider_fate.clients.http import Group, Once, Reply, Request, Transport, endpoint, get, post
from airflow_provider_fate.errors import FateNotOfferedError

from ..models import TableRecord
from ..names import check_name

__all__ = ["TableGroup"]


def _delete_errors(reply: Reply) -> Exception | None:
    if reply.code == 6000 and "storage engine: path" in reply.message:
        return FateNotOfferedError(
            "FATE-Flow cannot delete a table that is bound to a path.",
            hint="Bind the name to another path, or leave it; nothing but the name is stored.",
            endpoint="POST /table/delete",
            code=reply.code,
        )
    return None


class TableGroup(Group[Transport]):
    """Tables. A site sees its own only."""

    @endpoint
    def query(self, namespace: str, name: str, display: bool = False) -> Request[TableRecord]:
        """Return what is known about a table.

        :param display: with its first rows (at most 100).
        :raises FateTableNotFound: no such table on this site.
        """
        params = {**_table(namespace, name), "display": True if display else None}
        return get("/table/query", lambda reply: TableRecord.model_validate(reply.data), params=params)

    @endpoint
    def delete(self, namespace: str, name: str) -> Request[None]:
        """Delete a table.

        :raises FateTableNotFound: no such table on this site.
        :raises FateNotOfferedError: the table is a bound path.
        """
        return post("/table/delete", _nothing, json=_table(namespace, name), errors=_delete_errors)

    @endpoint
    def bind_path(self, namespace: str, name: str, path: str) -> Request[None]:
        """Give a file or directory of the **server** the name of a table, for neural networks and language
        models.

        FATE-Flow neither checks that it exists nor minds that the name is taken.
        """
        return post("/table/bind/path", _nothing, json={**_table(namespace, name), "path": path}, once=Once.REPEAT)


def _nothing(reply: Reply) -> None:
    return None


def _table(namespace: str, name: str) -> dict[str, str]:
    return {"namespace": check_name("namespace", namespace), "name": check_name("name", name)}
