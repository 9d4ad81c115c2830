"""Tables as FATE-Flow writes them, as batches of Arrow: with their column names, and with types.

FATE-Flow joins the values of a row with commas and quotes nothing: it is CSV only as long as no text holds a comma. In
predictions one does. ``predict_detail`` is a text such as ``"{'0': 0.37, '1': 0.63}"``, of which FATE itself makes the
double quotes, after it has turned those of the JSON into single ones. Here it is one value again, and JSON again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pacsv

from airflow_provider_fate.data.archive import ArchiveLimits, read_archive
from airflow_provider_fate.data.output_contents import BLOCK, Contents, OutputTable
from airflow_provider_fate.data.output_text import ProtectedText, restore
from airflow_provider_fate.errors import FateDataError, FateInputError

__all__ = ["choose_columns", "read_batches"]

# Neural networks keep numbers in columns of the type "object".
_NUMBERS = frozenset({"predict_score", "predict_result"})
_DETAIL = "predict_detail"


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
    chosen = choose_columns(contents.header, columns)
    schema = table.schema(contents.header)
    if uncertain := [name for name in _NUMBERS.intersection(chosen) if schema.field(name).type == pa.string()]:
        batches = _rows(path, table, contents, schema, uncertain, (key, index), limits)
        for name in _numeric(uncertain, batches):
            schema = schema.set(schema.get_field_index(name), pa.field(name, pa.float64()))
    rows = _rows(path, table, contents, schema, chosen, (key, index), limits)
    return pa.schema([schema.field(name) for name in chosen]), rows


def choose_columns(header: Sequence[str], columns: Sequence[str] | None) -> list[str]:
    """Return which columns are wanted of those that a table has.

    :param columns: their names, in the order in which they are wanted; ``None`` for all.
    :raises FateInputError: there is no such column, or one is named twice.
    """
    if columns is None:
        return list(header)
    if isinstance(columns, str) or not columns:
        raise FateInputError(f"columns={columns!r} is no list of names", hint="Write ['id', 'predict_score'].")
    if unknown := [name for name in columns if name not in header]:
        raise FateInputError(
            f"columns: the table has no {', '.join(map(repr, unknown))}",
            hint=f"It has {', '.join(header[:100])}{' ...' if len(header) > 100 else ''}.",
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
