"""Batches of Arrow as a file: CSV or Parquet, counted and hashed while it is written."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from airflow_provider_fate.errors import FateInputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["FileFormat", "WrittenFile", "file_format", "write_file"]

FileFormat = Literal["csv", "parquet"]
_SUFFIXES: dict[str, FileFormat] = {".csv": "csv", ".parquet": "parquet", ".pq": "parquet"}


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """What was written.

    :ivar size: bytes.
    :ivar sha256: of these bytes, in hexadecimal.
    """

    rows: int
    size: int
    sha256: str


def file_format(name: str, wanted: str | None) -> FileFormat:
    """Return the format of a file: the one that is wanted, else the one that its name ends in.

    :raises FateInputError: neither says it.
    """
    if wanted is None:
        if (found := _SUFFIXES.get(PurePosixPath(name).suffix.lower())) is not None:
            return found
        raise FateInputError(
            f"target={name!r} does not say in which format the table is to be written",
            hint="Let the name end in .csv or .parquet, or give format='csv' or 'parquet'.",
        )
    if wanted not in ("csv", "parquet"):
        raise FateInputError(f"format={wanted!r} is neither 'csv' nor 'parquet'", hint="Write one of them.")
    return cast("FileFormat", wanted)


def write_file(sink: BinaryIO, schema: pa.Schema, batches: Iterable[pa.RecordBatch], kind: FileFormat) -> WrittenFile:
    """Write batches, one at a time.

    CSV is as RFC 4180 has it, but with ``\\n`` between lines, and quotes only where a value needs them; a missing value
    is empty. Parquet is compressed with Zstandard.

    :param sink: open for writing bytes; it is not closed.
    """
    counted = _Counted(sink)
    write = _write_csv if kind == "csv" else _write_parquet
    rows = write(counted, schema, batches)
    return WrittenFile(rows, counted.size, counted.hash.hexdigest())


class _Counted(io.RawIOBase):
    """Passes bytes on, and knows how many and which."""

    def __init__(self, sink: BinaryIO) -> None:
        super().__init__()
        self._sink = sink
        self.size = 0
        self.hash = hashlib.sha256()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Pass everything on."""
        piece = bytes(data)
        self._sink.write(piece)
        self.size += len(piece)
        self.hash.update(piece)
        return len(piece)

    def tell(self) -> int:
        """Bytes so far."""
        return self.size


def _write_parquet(sink: _Counted, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    rows = 0
    writer = parquet.ParquetWriter(sink, schema, compression="zstd")
    for batch in batches:
        writer.write_batch(batch)
        rows += batch.num_rows
    # Not in a `finally`: the end of the file must never follow rows that are not all there.
    writer.close()
    return rows


# --- CSV --------------------------------------------------------------------------------------------------------------
# Arrow's own writer puts every text into quotes, which FATE's reader keeps: what was downloaded could not be uploaded.


def _write_csv(sink: _Counted, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    sink.write(_lines([pa.array([name]) for name in schema.names]))
    rows = 0
    for batch in batches:
        sink.write(_lines(batch.columns))
        rows += batch.num_rows
    return rows


def _lines(columns: list[pa.Array]) -> bytes:
    """Rows as text, made column by column."""
    texts = [_quoted(pc.fill_null(pc.cast(column, pa.large_string()), "")) for column in columns]
    lines = pc.binary_join_element_wise(*texts, pa.scalar(",", pa.large_string()))
    ended = pc.binary_join_element_wise(lines, pa.scalar("\n", pa.large_string()), pa.scalar("", pa.large_string()))
    # The values of a column of text lie side by side in one buffer.
    buffer = ended.buffers()[2]
    size = pc.sum(pc.binary_length(ended)).as_py() or 0
    return bytes(buffer.slice(0, size)) if size else b""


def _quoted(texts: pa.Array) -> pa.Array:
    needy = pc.match_substring_regex(texts, '[",\r\n]')
    if not pc.any(needy).as_py():
        return texts
    quote = pa.scalar('"', pa.large_string())
    nothing = pa.scalar("", pa.large_string())
    doubled = pc.replace_substring(texts, '"', '""')
    return pc.if_else(needy, pc.binary_join_element_wise(quote, doubled, quote, nothing), texts)
