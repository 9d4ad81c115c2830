"""What an archive holds of a table, found out before anything is made of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from airflow_provider_fate.data.archive import ArchiveLimits, Member, read_archive
from airflow_provider_fate.errors import FateArchiveError, FateDataError

__all__ = ["BLOCK", "Contents", "OutputTable", "inspect_archive"]

BLOCK = 8 << 20
"""Bytes that are read, cut into values and handed on at once. No line may be longer."""

_TYPES: dict[str, pa.DataType] = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
}


@dataclass(frozen=True, slots=True)
class Contents:
    """What an archive holds of a table.

    :ivar header: names of its columns, as its ``.meta`` file says.
    :ivar rows: number of rows.
    :ivar has_header_line: whether the first line repeats the names; FATE leaves it out of an empty table.
    :ivar size: bytes of its text.
    """

    header: tuple[str, ...]
    rows: int
    has_header_line: bool
    size: int


@dataclass(frozen=True, slots=True)
class OutputTable:
    """A table of a FATE site: what is known about it before its rows have come.

    :ivar count: rows that the site says it has; ``None`` where it does not say.
    :ivar types: FATE's type by column; a column that is not in it is text.
    :ivar delimiter: between two values.
    """

    count: int | None
    types: Mapping[str, str]
    delimiter: str = ","

    @classmethod
    def of(cls, meta: Mapping[str, Any], count: int | None) -> OutputTable:
        """Read FATE-Flow's description of a table.

        :param meta: ``meta`` of the answer to ``table/query``.
        """
        schema = meta.get("schema_meta")
        fields = schema.get("fields", ()) if isinstance(schema, Mapping) else ()
        types = {str(item["name"]): str(item.get("dtype", "")) for item in fields if "name" in item}
        return cls(count, types, str(meta.get("delimiter") or ","))

    def schema(self, header: Iterable[str]) -> pa.Schema:
        """Types for columns of these names: numbers as in FATE, all else, ids in particular, as text."""
        return pa.schema([pa.field(name, _TYPES.get(self.types.get(name, ""), pa.string())) for name in header])


def inspect_archive(
    path: Path,
    table: OutputTable,
    *,
    key: str = "data",
    index: int = 0,
    limits: ArchiveLimits | None = None,
) -> Contents:
    """Read an archive from end to end, so that what is written from it afterwards is known to be whole.

    :param path: the archive.
    :param key: output key of the table in it; ``data`` where a table was asked for by its name.
    :param index: number of the table under this key.
    :raises FateArchiveError: it is damaged, holds what it must not hold, or more or fewer rows than the site says.
    """
    header: tuple[str, ...] | None = None
    text: _Text | None = None
    names = []
    with path.open("rb") as file:
        for member in read_archive(file, limits):
            names.append(member.name)
            if (member.key, member.index) == (key, index):
                if member.kind == "meta":
                    header = _header(member)
                else:
                    text = _Text(member, most_lines=None if table.count is None else table.count + 1)
    if header is None or text is None:
        raise FateArchiveError(
            f"The archive from FATE-Flow lacks {key}/{index}.csv or its .meta; it has {', '.join(names) or 'nothing'}.",
            hint="Download it again; if that does not help, look at the log of FATE-Flow.",
            damaged=True,
        )
    has_header_line = text.first == table.delimiter.join(header).encode()
    contents = Contents(header, text.lines - has_header_line, has_header_line, text.size)
    if table.count is not None and contents.rows != table.count:
        raise _wrong_number(contents.rows, table.count)
    return contents


def _wrong_number(rows: int | str, count: int) -> FateArchiveError:
    return FateArchiveError(
        f"The archive from FATE-Flow has {rows} rows, but the table has {count}.",
        hint="Was the table replaced meanwhile? If not even another download helps, look at the log of FATE-Flow.",
        damaged=True,
    )


def _header(member: Member) -> tuple[str, ...]:
    if member.size > BLOCK:
        raise FateArchiveError(f"{member.name} is not a description of a table: it has {member.size:,} bytes.")
    try:
        header = json.loads(member.data.read())["header"]
        names = tuple(str(name) for name in header)
    except (ValueError, KeyError, TypeError):
        raise FateArchiveError(f"{member.name} does not name the columns.", member=member.name) from None
    if isinstance(header, str) or not names:
        raise FateArchiveError(f"{member.name} does not name the columns.", member=member.name)
    if double := {name for name in names if names.count(name) > 1}:
        raise FateDataError(
            f"the table has several columns named {', '.join(sorted(double))}",
            hint="No file or database can hold it like that: rename them in the job.",
            column=min(double),
        )
    return names


class _Text:
    """The lines of a file, counted."""

    def __init__(self, member: Member, most_lines: int | None) -> None:
        self.lines = 0
        self.size = 0
        first: list[bytes] | None = []
        self.first = b""
        length = 0  # of the line that has no end yet
        while piece := member.data.read(1 << 18):
            self.size += len(piece)
            if first is not None:
                line, end, _ = piece.partition(b"\n")
                first.append(line)
                if end:
                    self.first, first = b"".join(first), None
            ends = piece.count(b"\n")
            self.lines += ends
            longest = length + (piece.find(b"\n") if ends else len(piece))
            length = len(piece) - piece.rfind(b"\n") - 1 if ends else longest
            if longest > BLOCK:
                raise FateArchiveError(f"{member.name} has a line of more than {BLOCK:,} bytes.", member=member.name)
            # The limits of the archive are far away. What is known about the table is nearer.
            if most_lines is not None and self.lines > most_lines:
                raise _wrong_number("more", most_lines - 1)
        if first is not None:
            self.first = b"".join(first)
        if length:
            self.lines += 1
