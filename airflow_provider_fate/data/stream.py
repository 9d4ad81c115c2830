"""From a source to the bytes that FATE's uploader reads, checked on the way, in constant memory and without a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_fate.data.ahead import in_thread
from airflow_provider_fate.data.checks import TableChecks
from airflow_provider_fate.data.column import DELIMITER, Column, Encoded
from airflow_provider_fate.data.shape import Shape
from airflow_provider_fate.data.source import Source
from airflow_provider_fate.errors import FateDataError

__all__ = ["Sent", "TableStream"]

Piece = bytes | memoryview
_BATCHES_AHEAD = 1
_PIECES_AHEAD = 2
"""So many are read, and encoded, before they are asked for. Each is some hundred KiB."""


@dataclass(frozen=True)
class Sent:
    """What went through a stream.

    :ivar rows: rows of the table.
    :ivar columns: its columns, in order, as FATE names them.
    :ivar features: the columns that are neither id nor label nor weight; partners see them by position.
    :ivar size: bytes of CSV.
    :ivar fingerprint: SHA-256 of the CSV: equal tables have equal ones, whatever they were made of.
    """

    rows: int
    columns: tuple[str, ...]
    features: tuple[str, ...]
    size: int
    fingerprint: str


class TableStream:
    """Bytes of CSV as FATE understands it; to be iterated once.

    Reading and checking go on in threads of their own while the bytes are sent. Whatever is wrong with the data ends
    the iteration with an error, at the latest before its last bytes: a receiver that waits for the end gets no half
    table.

    :param source: where the rows come from.
    :param shape: which columns are wanted, and what they are.
    :param unique_ids: refuse a match id that occurs twice. At a host the intersection fails on such a table; at a
        guest it does not.
    :param varied_label: refuse a label with one value only.
    :param max_bytes: refuse more than so many bytes of CSV: FATE-Flow holds an upload in its memory.
    :ivar sent: what went through; set at the end.
    """

    def __init__(
        self,
        source: Source,
        shape: Shape,
        *,
        unique_ids: bool = True,
        varied_label: bool = True,
        max_bytes: int | None = None,
    ) -> None:
        self.source = source
        self.shape = shape
        self.unique_ids = unique_ids
        self.varied_label = varied_label
        self.max_bytes = max_bytes
        self.sent: Sent | None = None

    def __iter__(self) -> Iterator[Piece]:
        return in_thread(self._pieces(), _PIECES_AHEAD)

    def run(self) -> Sent:
        """Check everything and send it nowhere."""
        for _ in self._pieces():
            pass
        assert self.sent is not None
        return self.sent

    def _pieces(self) -> Iterator[Piece]:
        version = self.source.version()
        columns: list[Column] | None = None
        digest, size = hashlib.sha256(), 0

        def measured(piece: Piece) -> Piece:
            nonlocal size
            digest.update(piece)
            size += len(piece)
            if self.max_bytes is not None and size > self.max_bytes:
                raise FateDataError(
                    f"{self.source.name} makes more than max_bytes={self.max_bytes:,} bytes of CSV",
                    hint="FATE-Flow holds an upload in its memory: send fewer columns or rows, or raise max_bytes.",
                )
            return piece

        with closing(in_thread(self.source.batches(self.shape.wanted), _BATCHES_AHEAD)) as batches:
            for batch in batches:
                if columns is None:
                    columns = self.shape.fit(batch.schema.names)
                    checks = TableChecks(
                        columns, self.shape, unique_ids=self.unique_ids, varied_label=self.varied_label
                    )
                    yield measured((DELIMITER.join(column.name for column in columns) + "\n").encode())
                if batch.num_rows:
                    encoded = [column.encode(batch.column(column.source), checks.rows) for column in columns]
                    checks.add(encoded, batch.num_rows)
                    yield measured(_lines(encoded))
        if columns is None:
            raise FateDataError(f"{self.source.name} has no columns", hint="FATE cannot make a table of nothing.")
        checks.finish(self.source.name)
        if version != self.source.version():
            raise FateDataError(
                f"{self.source.name} was changed while it was read", hint="Write it under another name, then rename it."
            )
        self.sent = Sent(
            checks.rows,
            tuple(column.name for column in columns),
            tuple(column.name for column in columns if column.what == "feature"),
            size,
            digest.hexdigest(),
        )


def _lines(encoded: list[Encoded]) -> memoryview:
    """Join columns to lines: the texts of an Arrow array lie one after the other in memory, which is the CSV."""
    *others, last = (column.text for column in encoded)
    rows = pc.binary_join_element_wise(*others, pc.binary_join_element_wise(last, "", "\n"), DELIMITER)
    _, offsets, data = rows.buffers()
    positions = pa.Array.from_buffers(pa.int32(), len(rows) + 1, [None, offsets], offset=rows.offset)
    return memoryview(data)[positions[0].as_py() : positions[-1].as_py()]
