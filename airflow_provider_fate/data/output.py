"""Tables as FATE-Flow writes them, as batches of Arrow: with their column names, and with types.

FATE-Flow joins the values of a row with commas and quotes nothing: it is CSV only as long as no text holds a comma. In
predictions one does. ``predict_detail`` is a text such as ``"{'0': 0.37, '1': 0.63}"``, of which FATE itself makes the
double quotes, after it has turned those of the JSON into single ones. Here it is one value again, and JSON again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pacsv

from airflow_provider_fate.data.archive import ArchiveLimits, Member, read_archive
from airflow_provider_fate.data.output_text import ProtectedText, restore
from airflow_provider_fate.errors import FateArchiveError, FateDataError, FateInputError

__all__ = ["Contents", "OutputTable", "inspect_archive", "read_batches"]

BLOCK = 16 << 20
"""Bytes that are read, parsed and handed on at once, and so the longest row; a batch is made of one block."""

_TYPES: dict[str, pa.DataType] = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
}
# Neural networks keep numbers in columns of the type "object".
_NUMBERS = frozenset({"predict_score", "predict_result"})
_DETAIL = "predict_detail"


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


# --- the first look ---------------------------------------------------------------------------------------------------


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
        raise FateArchiveError(f"{member.name} is no description of a table: it has {member.size:,} bytes.")
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


# --- the rows ---------------------------------------------------------------------------------------------------------


def read_batches(
    path: Path,
    table: OutputTable,
    contents: Contents,
    *,
    columns: Sequence[str] | None = None,
    key: str = "data",
    index: int = 0,
    limits: ArchiveLimits | None = None,
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Read the rows of an archive in batches, in memory that does not depend on their number.

    A missing number (``nan``) is null. ``predict_detail`` is JSON, as far as its class names allow.

    :param path: the archive.
    :param contents: what :func:`inspect_archive` has found in it.
    :param columns: which columns, in which order; by default all.
    :returns: the schema, and the batches.
    :raises FateInputError: there is no such column.
    :raises FateDataError: a row cannot be cut into values, a value is not of its column's type, or there are other rows
        than ``contents`` says; while iterating.
    """
    chosen = _choose(contents.header, columns)
    schema = table.schema(contents.header)
    if uncertain := [name for name in _NUMBERS.intersection(chosen) if schema.field(name).type == pa.string()]:
        batches = _rows(path, table, contents, schema, uncertain, (key, index), limits)
        for name in _numeric(uncertain, batches):
            schema = schema.set(schema.get_field_index(name), pa.field(name, pa.float64()))
    rows = _rows(path, table, contents, schema, chosen, (key, index), limits)
    return pa.schema([schema.field(name) for name in chosen]), rows


def _choose(header: Sequence[str], columns: Sequence[str] | None) -> list[str]:
    if columns is None:
        return list(header)
    if isinstance(columns, str) or not columns:
        raise FateInputError(f"columns={columns!r} is no list of names", hint="Write ['id', 'predict_score'].")
    if unknown := [name for name in columns if name not in header]:
        raise FateInputError(
            f"columns: the table has no {', '.join(map(repr, unknown))}",
            hint=f"It has {', '.join(header)}.",
        )
    if len(set(columns)) < len(columns):
        raise FateInputError(f"columns={list(columns)!r} names a column twice", hint="Name each once.")
    return list(columns)


def _numeric(names: list[str], batches: Iterator[pa.RecordBatch]) -> list[str]:
    """Which of these columns of text hold nothing but numbers."""
    left = list(names)
    number = r"^(?i:[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|[-+]?inf|nan|none)$"
    for batch in batches:
        left = [name for name in left if pc.all(pc.match_substring_regex(batch[name], number)).as_py() is not False]
        if not left:
            break
    return left


def _rows(
    path: Path,
    table: OutputTable,
    contents: Contents,
    schema: pa.Schema,
    chosen: Sequence[str],
    member: tuple[str, int],
    limits: ArchiveLimits | None,
) -> Iterator[pa.RecordBatch]:
    if not contents.rows:
        return
    protect = _DETAIL in contents.header or not _NUMBERS.isdisjoint(contents.header)
    with path.open("rb") as file:
        data = next(m.data for m in read_archive(file, limits) if (m.key, m.index, m.kind) == (*member, "csv"))
        source: BinaryIO = ProtectedText(data, table.delimiter) if protect else data  # type: ignore[assignment]
        rows = 0
        for batch in _parse(source, table, contents, schema, chosen):
            rows += batch.num_rows
            yield restore(batch, table.delimiter, _DETAIL) if protect else batch
    if rows != contents.rows:
        raise FateDataError(f"{rows} rows were read of {contents.rows}", hint="Report this as a bug.")


def _parse(
    source: BinaryIO, table: OutputTable, contents: Contents, schema: pa.Schema, chosen: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    torn: list[pacsv.InvalidRow] = []

    def refuse(row: pacsv.InvalidRow) -> str:
        torn.append(row)
        return "error"

    try:
        with pacsv.open_csv(
            source,
            read_options=pacsv.ReadOptions(
                use_threads=False,  # one core writes, and the numbers of rows are known
                block_size=BLOCK,
                column_names=list(contents.header),
                skip_rows=int(contents.has_header_line),
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=table.delimiter,
                quote_char=False,
                ignore_empty_lines=False,
                invalid_row_handler=refuse,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=schema,
                include_columns=list(chosen),
                null_values=["nan", "NaN", "None", ""],
                strings_can_be_null=False,
                true_values=["True", "true", "1"],
                false_values=["False", "false", "0"],
            ),
        ) as reader:
            yield from reader
    except pa.ArrowInvalid as error:
        raise _unreadable(str(error), torn, contents.header, table.delimiter) from None


def _unreadable(text: str, torn: list[pacsv.InvalidRow], header: Sequence[str], delimiter: str) -> FateDataError:
    """Arrow's error in our words, without the row: its values are nobody's business."""
    if torn:
        row = torn[0]
        return FateDataError(
            f"a row{f' (line {row.number})' if row.number else ''} has {row.actual_columns} values for "
            f"{row.expected_columns} columns",
            hint=f"FATE writes texts without quotes: one of them holds {delimiter!r} or a line end. "
            "Leave such columns out of the table, or change them before the upload.",
            row=row.number,
        )
    if found := re.search(r"column #(\d+): (.*)", text):
        # Arrow counts the columns of the file.
        number = int(found[1])
        name = header[number] if number < len(header) else f"#{number}"
        return FateDataError(
            f"column {name!r}: {found[2]}",
            hint="FATE says that the column has another type. Leave it out with `columns`.",
            column=name,
        )
    return FateDataError(f"the table cannot be read: {text.partition(': ')[0]}")
