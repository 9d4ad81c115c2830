"""Makes of a batch of rows the lines of CSV that FATE understands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_fate.data.column import DELIMITER, Column, Encoded
from airflow_provider_fate.data.numbers import floating, number_rows
from airflow_provider_fate.data.source import Lines
from airflow_provider_fate.data.verbatim import Verbatim

__all__ = ["Writer", "Written"]


@dataclass(frozen=True)
class Written:
    """Lines, and what is to be known of them for a judgement of the whole table.

    :param data: the lines.
    :param rows: how many.
    :param ids: values of the columns that may not repeat, by the column's position.
    :param missing: how many values are missing, by the column's position.
    :param labels: the labels, unless nobody looks at them any more.
    """

    data: bytes | memoryview = field(repr=False)
    rows: int
    ids: Mapping[int, pa.Array]
    missing: Mapping[int, int] = field(default_factory=dict)
    labels: pa.Array | None = None


class Writer:
    """Writes batches; may be used by several threads.

    :param columns: of the table, in its order.
    :param unique: positions of the columns whose values may not repeat.
    :param label: position of the label that has to be varied, if there is one.
    :ivar looks_at_labels: whether labels are still wanted.
    """

    def __init__(self, columns: Sequence[Column], unique: Sequence[int], label: int | None) -> None:
        self.looks_at_labels = label is not None
        self._columns = columns
        self._unique = unique
        self._label = label
        self._verbatim = Verbatim(columns, unique)

    @property
    def header(self) -> bytes:
        """The line with the names."""
        return (DELIMITER.join(column.name for column in self._columns) + "\n").encode()

    def write(self, batch: pa.RecordBatch | Lines, before: int = 0) -> Written:
        """Check the values of a batch, and write them.

        :param before: rows before this batch, for the row numbers in messages.
        :raises FateDataError: FATE would not understand something as it is meant; names row and column.
        """
        if isinstance(batch, Lines):
            if not self.looks_at_labels and (good := self._verbatim.find(batch)):
                return Written(good.data, good.rows, good.ids)
            batch = batch.parse(before)
        if not batch.num_rows:
            return Written(b"", 0, {})
        return self._rewritten(batch, before)

    def _rewritten(self, batch: pa.RecordBatch, before: int) -> Written:
        ids: dict[int, pa.Array] = {}
        missing: dict[int, int] = {}
        lines: list[list[bytes]] = []  # pieces of each line: of columns side by side that are written in the same way
        values = [batch.column(column.source) for column in self._columns]
        for numbers, indices in self._neighbours(values):
            if numbers is not None:
                texts, counts = number_rows([(self._columns[i], values[i]) for i in indices], before)
                missing |= dict(zip(indices, counts, strict=True))
                lines.append(texts)
                continue
            encoded = {i: self._columns[i].encode(values[i], before) for i in indices}
            missing |= {i: column.missing for i, column in encoded.items()}
            ids |= {i: encoded[i].text for i in self._unique if i in encoded}
            if len(encoded) == len(values):
                return Written(_joined(list(encoded.values())), batch.num_rows, ids, missing, self._labels(values))
            side_by_side = pc.binary_join_element_wise(*(column.text for column in encoded.values()), DELIMITER)
            lines.append(side_by_side.view(pa.binary()).to_pylist())
        data = b"\n".join(map(DELIMITER.encode().join, zip(*lines, strict=True))) + b"\n"
        return Written(data, batch.num_rows, ids, missing, self._labels(values))

    def _labels(self, values: Sequence[pa.Array]) -> pa.Array | None:
        if self._label is None or not self.looks_at_labels:
            return None
        return self._columns[self._label].encode(values[self._label], 0).text

    def _neighbours(self, values: Sequence[pa.Array]) -> Iterator[tuple[pa.DataType | None, range]]:
        """Columns side by side that are written in the same way: the type of floating-point numbers, or ``None``."""
        begin = 0
        for kind, group in groupby(map(floating, self._columns, values)):
            end = begin + sum(1 for _ in group)
            yield kind, range(begin, end)
            begin = end


def _joined(encoded: list[Encoded]) -> memoryview:
    """Join columns to lines: the texts of an Arrow array lie one after the other in memory, which is the CSV."""
    *others, last = (column.text for column in encoded)
    rows = pc.binary_join_element_wise(*others, pc.binary_join_element_wise(last, "", "\n"), DELIMITER)
    _, offsets, data = rows.buffers()
    positions = pa.Array.from_buffers(pa.int32(), len(rows) + 1, [None, offsets], offset=rows.offset)
    return memoryview(data)[positions[0].as_py() : positions[-1].as_py()]
