"""From a source to the bytes that FATE's uploader reads, checked on the way, in constant memory and without a file."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pyarrow as pa

from airflow_provider_fate.data.ahead import in_thread, in_threads
from airflow_provider_fate.data.checks import TableChecks
from airflow_provider_fate.data.column import Column
from airflow_provider_fate.data.shape import Shape
from airflow_provider_fate.data.source import Source
from airflow_provider_fate.data.writer import Writer
from airflow_provider_fate.errors import FateDataError

__all__ = ["Sent", "TableStream"]

Piece = bytes | memoryview
_BATCHES_AHEAD = 1
_PIECES_AHEAD = 1
"""So many are read, and written, before they are asked for. Each is up to 1 MiB or so."""
_THREADS = 2
"""So many batches are written at the same time."""


@dataclass(frozen=True)
class Sent:
    """What went through a stream.

    :ivar rows: rows of the table.
    :ivar columns: its columns, in order, as FATE names them.
    :ivar features: the columns that are neither id nor label nor weight; partners see them by position.
    :ivar size: bytes of CSV.
    :ivar fingerprint: SHA-256 of the CSV. The same rows, written in the same way, have the same one.
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
        self._columns: list[Column] = []
        self._rows = 0

    def __iter__(self) -> Iterator[Piece]:
        return self._counted(in_thread(self._pieces(), _PIECES_AHEAD))

    def run(self) -> Sent:
        """Check everything and send it nowhere."""
        for _ in self:
            pass
        assert self.sent is not None
        return self.sent

    def _counted(self, pieces: Generator[Piece, None, None]) -> Iterator[Piece]:
        """The pieces, and at their end what they were."""
        digest, size = hashlib.sha256(), 0
        with closing(pieces):
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                if self.max_bytes is not None and size > self.max_bytes:
                    raise FateDataError(
                        f"{self.source.name} makes more than max_bytes={self.max_bytes:,} bytes of CSV",
                        hint="FATE-Flow holds an upload in its memory: send fewer columns or rows, or raise max_bytes.",
                    )
                yield piece
        self.sent = Sent(
            self._rows,
            tuple(column.name for column in self._columns),
            tuple(column.name for column in self._columns if column.what == "feature"),
            size,
            digest.hexdigest(),
        )

    def _pieces(self) -> Iterator[Piece]:
        version = self.source.version()
        with ExitStack() as stack:
            batches = stack.enter_context(closing(in_thread(self.source.batches(self.shape.wanted), _BATCHES_AHEAD)))
            head = next(batches)
            assert isinstance(head, pa.RecordBatch)
            columns = self._columns = self.shape.fit(head.schema.names)
            checks = stack.enter_context(
                closing(TableChecks(columns, self.shape, unique_ids=self.unique_ids, varied_label=self.varied_label))
            )
            writer = Writer(columns, checks.unique, checks.label)
            yield writer.header
            with closing(in_threads(writer.write, batches, _THREADS)) as writing:
                for batch, result in writing:
                    try:
                        written = result()
                    except FateDataError:
                        written = writer.write(batch, checks.rows)  # names the right row
                    checks.add(written)
                    writer.looks_at_labels = checks.label is not None
                    if written.rows:
                        yield written.data
            checks.finish(self.source.name)
            checks.warn_of_labels()
        if version != self.source.version():
            raise FateDataError(
                f"{self.source.name} was changed while it was read", hint="Write it under another name, then rename it."
            )
        self._rows = checks.rows
