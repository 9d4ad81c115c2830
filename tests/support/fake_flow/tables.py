"""Tables of the fake server."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Rows = list[list[str]]


@dataclass
class Table:
    """A table; ``kind`` is ``dataframe``, ``table`` or ``data_directory``."""

    namespace: str
    name: str
    kind: str
    columns: list[str] = field(default_factory=list)
    rows: Rows = field(default_factory=list)
    source: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    meta: dict[str, Any] = field(default_factory=dict)
    dtypes: dict[str, str] = field(default_factory=dict)

    def record(self, *, display: bool) -> dict[str, Any]:
        """Return it as ``table/query`` does."""
        directory = self.kind == "data_directory"
        record: dict[str, Any] = {
            "count": None if directory else len(self.rows),
            "data_type": self.kind,
            "engine": "path" if directory else "standalone",
            "meta": {} if directory else self.schema,
            "name": self.name,
            "namespace": self.namespace,
            "path": f"file://{self.path}" if directory else f"standalone:///{self.namespace}/{self.name}",
            "source": self.source,
        }
        return {**record, "display": self.rows[:100]} if display else record

    @property
    def schema(self) -> dict[str, Any]:
        """FATE's description of a dataframe."""
        fields = [
            {
                "dtype": self._dtype(name),
                "name": name,
                "property": self._property(name),
                "should_compress": self._property(name) == "column",
            }
            for name in self.columns
        ]
        values = sum(1 for item in fields if item["property"] == "column")
        return {
            "partition_order_mappings": {
                "0": {"end_block_id": 0, "end_index": len(self.rows) - 1, "start_block_id": 0, "start_index": 0}
            },
            "schema_meta": {"anonymous_summary": {"column_len": values, "site_name": None}, "fields": fields},
            "type": "fate.arch.dataframe",
        }

    def _property(self, name: str) -> str:
        if name in ("extend_sid", self.meta.get("sample_id_name")):
            return "sample_id"
        kinds = {self.meta.get("match_id_name"): "match_id", self.meta.get("label_name"): "label"}
        return kinds.get(name, "column")

    def _dtype(self, name: str) -> str:
        if name in self.dtypes:
            return self.dtypes[name]
        kind = self._property(name)
        if kind in ("sample_id", "match_id"):
            return "index"
        return str(self.meta.get("label_type", "int32") if kind == "label" else self.meta.get("dtype", "float32"))

    def csv(self) -> bytes:
        """Return it as FATE-Flow writes it: without a row there is no header, and nothing is ever quoted."""
        lines = [self.columns, *self.rows] if self.rows else []
        return "".join(",".join(line) + "\n" for line in lines).encode()

    @property
    def archive(self) -> dict[str, bytes]:
        """Return the files of which FATE-Flow makes an archive, without their folder."""
        header = {"header": self.columns}
        return {"csv": self.csv(), "meta": json.dumps(header, indent=4).encode()}


class Tables:
    """The tables of a site."""

    def __init__(self) -> None:
        self._tables: dict[tuple[str, str], Table] = {}

    def add(self, table: Table) -> None:
        """Store a table, in place of one of its name."""
        self._tables[table.namespace, table.name] = table

    def get(self, namespace: str | None, name: str | None) -> Table | None:
        """Return a table, if it is there."""
        return self._tables.get((namespace or "", name or ""))

    def remove(self, namespace: str, name: str) -> None:
        """Forget a table."""
        self._tables.pop((namespace, name), None)


def read_csv(content: bytes, meta: dict[str, Any], *, head: bool, extend_sid: bool) -> tuple[list[str], Rows]:
    """Read a file as FATE-Flow's upload does: split at each delimiter, whatever quotes say."""
    delimiter = meta.get("delimiter", ",")
    lines = [line.rstrip().split(delimiter) for line in content.decode().splitlines()]
    columns = lines.pop(0) if head and lines else [f"x{index}" for index in range(len(lines[0]) if lines else 0)]
    if extend_sid:
        columns = ["extend_sid", *columns]
        lines = [[f"0f{index}", *line] for index, line in enumerate(lines)]
    return columns, lines
