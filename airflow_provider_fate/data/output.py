"""Tables as FATE-Flow writes them, as batches of Arrow: with their column names, and with types.

FATE-Flow joins the values of a row with commas and quotes nothing: it is CSV only as long as no text holds a comma. In
predictions one does. ``predict_detail`` is a text such as ``"{'0': 0.37, '1': 0.63}"``, of which FATE itself makes the
double quotes, after it has turned those of the JSON into single ones. Here it is one value again, and JSON again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pacsv

from airflow_provider_fate.data.archive import ArchiveLimits, read_archive
from airflow_provider_fate.data.output_contents import BLOCK, Contents, OutputTable
from airflow_provider_fate.data.output_text import Protection, line_blocks
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
        raise FateInputError(f"columns={columns!r} is not a list of names", hint="Write ['id', 'predict_score'].")
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
    predictions = _DETAIL in contents.header or not _NUMBERS.isdisjoint(contents.header)
    protection = Protection(table.delimiter, _DETAIL) if predictions else None
    rows = 0
    with path.open("rb") as file:
        data = next(m.data for m in read_archive(file, limits) if (m.key, m.index, m.kind) == (*member, "csv"))
        if contents.has_header_line:
            data.readline()
        # Arrow reads streams from a thread of its own, in which Python code of ours would run in the middle of a kill.
        for block in line_blocks(data, BLOCK):
            text = protection.hide(block) if protection else block
            batch = _parse(text, table, schema, chosen, rows + contents.has_header_line)
            rows += batch.num_rows
            yield protection.restore(batch) if protection else batch
    if rows != contents.rows:
        raise FateDataError(f"{rows} rows were read of {contents.rows}", hint="Report this as a bug.")


def _parse(
    text: bytes, table: OutputTable, schema: pa.Schema, chosen: Sequence[str], lines_before: int
) -> pa.RecordBatch:
    """Cut lines into values."""
    torn: list[pacsv.InvalidRow] = []

    def refuse(row: pacsv.InvalidRow) -> str:
        torn.append(row)
        return "error"

    try:
        read = pacsv.read_csv(
            pa.BufferReader(text),
            read_options=pacsv.ReadOptions(
                use_threads=False,  # so that the numbers of lines are known
                block_size=len(text) + 1,
                column_names=schema.names,
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
        )
    except pa.ArrowInvalid as error:
        raise _unreadable(str(error), torn, schema.names, table.delimiter, lines_before) from None
    (batch,) = read.combine_chunks().to_batches()
    return batch


def _unreadable(
    text: str, torn: list[pacsv.InvalidRow], header: Sequence[str], delimiter: str, lines_before: int
) -> FateDataError:
    """Arrow's error in our words, without the row: its values are nobody's business."""
    if torn:
        row = torn[0]
        line = row.number + lines_before if row.number else None
        return FateDataError(
            f"a row{f' (line {line})' if line else ''} has {row.actual_columns} values for "
            f"{row.expected_columns} columns",
            hint=f"FATE writes texts without quotes: one of them holds {delimiter!r} or a line end. "
            "Leave such columns out of the table, or change them before the upload.",
            row=line,
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
