"""Files: CSV, Parquet and Arrow, plain or compressed, from wherever a function opens them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from airflow_provider_fate.data.source.delimited import read_csv
from airflow_provider_fate.data.source.lines import Lines
from airflow_provider_fate.errors import FateDataError, FateInputError

__all__ = ["FileSource", "Format"]

Format = Literal["csv", "parquet", "arrow"]

_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"\x04\x22\x4d\x18": "lz4"}
_FORMATS: dict[bytes, Format] = {b"PAR1": "parquet", b"ARROW1": "arrow"}
_COLUMNAR = (".parquet", ".pq", ".arrow", ".feather")
_FOREIGN = {
    b"PK\x03\x04": "a ZIP archive or an Excel file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"\xd0\xcf\x11\xe0": "an old Excel file",
    b"Obj\x01": "an Avro file",
    b"ORC": "an ORC file",
}
_ROWS = 16_384
_VALUES = 32 * 1024
"""At most so many rows of a columnar file are read at a time, and about so many values."""
_BUFFER = 1024 * 1024
_BUFFERS = 8 * 1024 * 1024
"""Bytes that are read at a time of a column of a Parquet file, at most; and of all its columns, about."""


@dataclass(frozen=True)
class FileSource:
    """A file.

    Format and compression are recognised by the first bytes, whatever the file is called.

    :param open: opens it for reading, seekable, at its beginning; called for each reading. It is told whether the file
        will be read from front to back.
    :param name: its path or URL, without secrets.
    :param delimiter: between the values of a CSV file.
    :param encoding: of a CSV file.
    :param file_version: see :meth:`version`; is called anew each time.
    :param file_size: bytes, where they are known.
    """

    open: Callable[[bool], Any]
    name: str
    delimiter: str = ","
    encoding: str = "utf-8"
    file_version: Callable[[], str | None] = lambda: None
    file_size: int | None = None

    @classmethod
    def of_path(cls, path: str | Path, **options: Any) -> FileSource:
        """A file on this machine.

        :raises FileNotFoundError: there is none.
        """
        file = Path(path)
        size = file.stat().st_size

        def version() -> str:
            status = file.stat()
            return f"{status.st_size}-{status.st_mtime_ns}"

        return cls(lambda _: pa.OSFile(str(file)), str(path), file_version=version, file_size=size, **options)

    def version(self) -> str | None:
        """What changes whenever the file does."""
        return self.file_version()

    def size(self) -> int | None:
        """Bytes of the file."""
        return self.file_size

    def batches(self, wanted: Sequence[str] | None) -> Iterator[pa.RecordBatch | Lines]:
        """Read it."""
        # A file that is what its name says is opened once.
        in_order = not self.name.lower().endswith(_COLUMNAR)
        with ExitStack() as stack:
            file = stack.enter_context(self.open(in_order))
            start = file.read(8)
            if not start:
                raise FateDataError(f"{self.name} is empty", hint="Give a file with a header and at least one row.")
            compression = _compression(start)
            plain = _Plain(file, self.encoding, compression)
            try:
                if compression:
                    start = plain.rewound().read(8)
            except OSError as error:
                raise self._damaged(error, compression) from None
            self._refuse_foreign(start)
            kind = next((kind for magic, kind in _FORMATS.items() if start.startswith(magic)), "csv")
            if compression and kind != "csv":
                raise FateDataError(
                    f"{self.name} is {compression} around a {kind} file, which cannot be read from front to back",
                    hint="Such files are compressed inside: store it as it is.",
                )
            if in_order != (kind == "csv"):
                stack.close()
                file = stack.enter_context(self.open(kind == "csv"))
                plain = _Plain(file, self.encoding, compression)
            if kind == "csv":
                try:
                    yield from read_csv(plain.rewound, self.name, self.delimiter)
                except OSError as error:
                    raise self._damaged(error, compression) from None
                return
            file.seek(0)
            yield from self._parquet(file, wanted) if kind == "parquet" else self._arrow(file)

    @contextmanager
    def text(self) -> Iterator[Any]:
        """Give the file as a stream of plain UTF-8, from its beginning.

        :raises FateDataError: it is damaged.
        """
        with self.open(True) as file:
            compression = _compression(file.read(8))
            try:
                yield _Plain(file, self.encoding, compression).rewound()
            except OSError as error:
                raise self._damaged(error, compression) from None

    def _refuse_foreign(self, start: bytes) -> None:
        for magic, what in _FOREIGN.items():
            if start.startswith(magic):
                raise FateDataError(
                    f"{self.name} is {what}", hint="Give CSV in UTF-8, Parquet or Arrow, plain or compressed."
                )

    def _damaged(self, error: OSError, compression: str | None) -> Exception:
        # Arrow tells of broken compression as of any failure to read.
        text = str(error)
        if compression and ("codec" in text.lower() or "decompress" in text or "zlib" in text or "Truncated" in text):
            return FateDataError(
                f"{self.name} is damaged: its {compression} compression ends or breaks off early",
                hint="Write it again.",
            )
        return error

    def _parquet(self, file: Any, wanted: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
        import pyarrow.parquet as pq

        try:
            facts = pq.read_metadata(file)
            names = facts.schema.to_arrow_schema().names
            columns = None if wanted is None else [name for name in names if name in wanted]
            width = len(names if columns is None else columns)
            # A buffer for each column, rather than whole row groups: those can be as large as the file.
            buffer = max(4096, min(_BUFFER, _BUFFERS // max(1, width)))
            table = pq.ParquetFile(file, metadata=facts, buffer_size=buffer, pre_buffer=False)
            yield _empty(table.schema_arrow, columns)
            # One thread: decoding is the least of the work, and each thread keeps memory of its own.
            yield from table.iter_batches(_rows(width), columns=columns, use_threads=False)
        except pa.ArrowInvalid as error:
            raise FateDataError(
                f"{self.name} is a damaged Parquet file: {_line(error)}", hint="Write it again."
            ) from None
        except OSError as error:
            if error.errno is not None:
                raise  # the storage, and not the file
            raise FateDataError(
                f"{self.name} is a damaged Parquet file: {_line(error)}", hint="Write it again."
            ) from None

    def _arrow(self, file: Any) -> Iterator[pa.RecordBatch]:
        try:
            reader = pa.ipc.open_file(file)
            yield _empty(reader.schema, None)
            for index in range(reader.num_record_batches):
                batch = reader.get_batch(index)
                rows = _rows(batch.num_columns)
                for begin in range(0, batch.num_rows, rows):
                    yield batch.slice(begin, rows)
        except pa.ArrowInvalid as error:
            raise FateDataError(
                f"{self.name} is a damaged Arrow file: {_line(error)}", hint="Write it again."
            ) from None


def _compression(start: bytes) -> str | None:
    return next((name for magic, name in _COMPRESSED.items() if start.startswith(magic)), None)


def _rows(columns: int) -> int:
    return max(1, min(_ROWS, _VALUES // max(1, columns)))


def _empty(schema: pa.Schema, columns: Sequence[str] | None) -> pa.RecordBatch:
    """The names of the columns, before there are rows: a source without any is told by them."""
    kept = schema if columns is None else pa.schema([schema.field(name) for name in columns])
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in kept], schema=kept)


class _Plain:
    """A file as a stream of plain UTF-8, which can be had from its beginning again and again."""

    def __init__(self, file: Any, encoding: str, compression: str | None) -> None:
        self._file = file
        self._compression = compression
        self._encoding = None if encoding.lower().replace("_", "-") in ("utf-8", "utf8", "ascii") else encoding
        self._streams: list[Any] = []  # Arrow closes what it reads from with the last reference to its stream

    def rewound(self) -> Any:
        """The stream."""
        self._file.seek(0)
        if not self._compression and not self._encoding:
            return self._file
        stream = self._file if isinstance(self._file, pa.NativeFile) else pa.PythonFile(self._file, mode="r")
        self._streams.append(stream)
        if self._compression:
            stream = pa.CompressedInputStream(stream, self._compression)
        if self._encoding:
            try:
                stream = pa.transcoding_input_stream(stream, self._encoding, "utf-8")
            except LookupError:
                raise FateInputError(
                    f"encoding={self._encoding!r} is not an encoding that Python knows",
                    hint="latin-1, cp1252, gb18030, ...",
                ) from None
        self._streams.append(stream)
        return stream


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
