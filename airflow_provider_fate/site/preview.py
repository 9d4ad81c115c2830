"""The first rows of a table, and what its columns are."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.data.table import TableName

__all__ = ["Preview", "PreviewColumn", "preview"]


@dataclass(frozen=True)
class PreviewColumn:
    """A column of a dataframe.

    :param name: its name.
    :param type: ``float32``, ``int32``, ``index``, ...
    :param property: what FATE takes it for: ``sample_id``, ``match_id``, ``label``, ``weight``, or ``column`` for all
        others.
    """

    name: str
    type: str | None
    property: str | None


@dataclass(frozen=True)
class Preview:
    """A table as far as it can be shown.

    :param columns: of a dataframe; empty for other tables.
    :param rows: its first rows, as FATE-Flow has kept them.
    :param path: what a name that is bound to a path leads to, ``file:///data/images``.
    """

    namespace: str
    name: str
    count: int | None
    data_type: str | None
    columns: list[PreviewColumn]
    rows: list[list[Any]]
    path: str | None = None

    @property
    def header(self) -> list[str]:
        """A name for each value of a row; numbers, where the columns are not known or do not fit."""
        width = max(map(len, self.rows), default=len(self.columns))
        names = [column.name for column in self.columns]
        return names if len(names) == width else [str(number) for number in range(1, width + 1)]

    def facts(self) -> dict[str, Any]:
        """All but the rows, for XCom."""
        return {
            "namespace": self.namespace,
            "name": self.name,
            "count": self.count,
            "data_type": self.data_type,
            "columns": [asdict(column) for column in self.columns],
        }


def preview(flow: FlowClient, table: TableName, rows: int) -> Preview:
    """Ask for a table.

    :param rows: how many rows at most; with 0 FATE-Flow is not asked for any.
    :raises FateTableNotFound: there is none.
    """
    record = flow.table.query(table.namespace, table.name, display=rows > 0)
    shown = (record.display or [])[:rows]
    width = max(map(len, shown), default=0)
    schema = record.meta.get("schema_meta")
    fields = schema.get("fields", []) if isinstance(schema, dict) else []
    return Preview(
        namespace=table.namespace,
        name=table.name,
        count=record.count,
        data_type=record.data_type,
        columns=[PreviewColumn(str(f.get("name")), f.get("dtype"), f.get("property")) for f in fields],
        rows=[row + [None] * (width - len(row)) for row in shown],
        path=record.path,
    )
