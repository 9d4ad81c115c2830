"""A table that can be read again and again, batch by batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from airflow_provider_fate.data.source import Lines, Source
from airflow_provider_fate.errors import FateDataError, FateInputError

__all__ = ["DriftTable", "larger", "listed", "table_of_source"]

_VALUES = 1 << 19


@dataclass(frozen=True)
class DriftTable:
    """A table whose profile is wanted.

    :param name: what to call it in messages.
    :param header: names of its columns.
    :param read: gives the rows of these columns from the beginning; is called more than once. Columns may be in another
        order, and there may be more.
    :param usual: the columns that are compared unless somebody names others; ``None``: all that can be.
    :param labels: the columns among them that new rows need not have.
    """

    name: str
    header: Sequence[str]
    read: Callable[[Sequence[str]], Iterator[pa.RecordBatch]]
    usual: Sequence[str] | None = None
    labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        if double := [name for name, times in Counter(self.header).items() if times > 1]:
            raise FateDataError(
                f"{self.name} has several columns named {', '.join(map(repr, double[:10]))}.",
                hint="Which is which cannot be told: rename them.",
                column=double[0],
            )

    def chosen(self, columns: Sequence[str] | None) -> list[str]:
        """The columns that are compared.

        :param columns: those that were asked for; ``None``: the usual ones.
        :raises FateInputError: the table lacks one.
        """
        if columns is None:
            return list(self.header if self.usual is None else self.usual)
        if isinstance(columns, str) or not columns:
            raise FateInputError(f"columns={columns!r} is not a list of names.", hint="Write ['age', 'income'].")
        self.require(columns, "columns")
        return list(dict.fromkeys(columns))

    def require(self, columns: Iterable[str], why: str) -> None:
        """Check that the table has all of these columns.

        :param why: who wants them, for the message.
        :raises FateInputError: it has not.
        """
        known = set(self.header)
        if missing := [name for name in columns if name not in known]:
            raise FateInputError(
                f"{self.name} has no column {listed(missing)}, which {why} names.",
                hint=f"It has {listed(list(self.header))}. Names are case sensitive; columns=[...] says which are "
                "compared.",
            )


def larger(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of about half a million values: small ones cost more than what is in them."""
    waiting: list[pa.RecordBatch] = []
    values = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        if waiting and not batch.schema.equals(waiting[0].schema):
            yield _one(waiting)
            waiting, values = [], 0
        waiting.append(batch)
        values += batch.num_rows * batch.num_columns
        if values >= _VALUES:
            yield _one(waiting)
            waiting, values = [], 0
    if waiting:
        yield _one(waiting)


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    (batch,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return batch


def table_of_source(source: Source) -> DriftTable:
    """A file or a query as a table.

    :raises FateDataError: what is read is no table.
    """
    batches = source.batches(None)
    try:
        first = next(batches)
    finally:
        batches.close()  # type: ignore[attr-defined]
    assert isinstance(first, pa.RecordBatch)

    def read(columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        rows = 0
        for part in source.batches(columns):
            batch = part.parse(rows) if isinstance(part, Lines) else part
            rows += batch.num_rows
            yield batch

    return DriftTable(source.name, first.schema.names, read)


def listed(names: Sequence[str]) -> str:
    """The first ten of some names, for a message."""
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return ", ".join(map(repr, names[:10])) + more
