"""Rows of texts by column, from every source that there is."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from airflow_provider_fate.data.source import FileSource, Lines, Source
from airflow_provider_fate.data.source.json_lines import is_json, read_json
from airflow_provider_fate.errors import FateDataError

__all__ = ["read_records"]

_SHOWN = 12


def read_records(source: Source, wanted: Sequence[str]) -> Iterator[list[dict[str, str]]]:
    """Read the rows of a source, some at a time.

    :param wanted: the columns that are needed; each row has all of them. What is missing in a row is the empty text.
    :raises FateDataError: a column is not there, a value is no text, or the source is no table; names row and column.
    """
    if isinstance(source, FileSource) and is_json(source):
        chunks: Iterator[list[dict[str, Any]]] = read_json(source)
    else:
        chunks = _of_batches(source, wanted)
    before = 0
    for chunk in chunks:
        if not before:
            # Objects need not name what they do not have, so the first thousand are asked together.
            _require(wanted, list(dict.fromkeys(name for row in chunk for name in row)), source.name)
        yield [
            {name: _text(row.get(name), before + number, name) for name in wanted}
            for number, row in enumerate(chunk, 1)
        ]
        before += len(chunk)


def _of_batches(source: Source, wanted: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    before = 0
    for batch in source.batches(wanted):
        if isinstance(batch, Lines):
            batch = batch.parse(before)
        names = batch.schema.names
        if not before:
            _require(wanted, names, source.name)
        if batch.num_rows:
            _refuse_twice(wanted, names)
            columns = {name: batch.column(names.index(name)) for name in wanted}
            yield [
                dict(zip(columns, values, strict=True)) for values in zip(*map(_values, columns.values()), strict=True)
            ]
            before += batch.num_rows


def _values(column: pa.Array) -> list[Any]:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    values: list[Any] = column.to_pylist()
    return values


def _require(wanted: Sequence[str], names: Sequence[str], source: str) -> None:
    for name in wanted:
        if name not in names:
            shown = ", ".join(names[:_SHOWN]) + (f", ... ({len(names)} columns)" if len(names) > _SHOWN else "")
            close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
            raise FateDataError(
                f"{source} has no column {name!r}; it has {shown}",
                hint=f"Did you mean {close[0]!r}? Case and spaces count."
                if close
                else "Name its columns in prompt, answer and group, or give them these names in a query.",
                column=name,
            )


def _refuse_twice(wanted: Sequence[str], names: Sequence[str]) -> None:
    for name in wanted:
        if list(names).count(name) > 1:
            raise FateDataError(f"two columns are named {name!r}", hint="Give each its own name.", column=name)


def _text(value: Any, row: int, column: str) -> str:
    if value is None or value != value:  # NaN, for which pandas takes a missing text
        return ""
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise FateDataError(
                f"row {row:,}, column {column!r}: this is not UTF-8",
                hint="Set csv=Csv(encoding='latin-1') or what the file was written in.",
                row=row,
                column=column,
            ) from None
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict | tuple | set):
        raise FateDataError(
            f"row {row:,}, column {column!r}: this is a {type(value).__name__}, not a text",
            hint="Make one text of it where the rows come from, with a query for example.",
            row=row,
            column=column,
        )
    return str(value)
