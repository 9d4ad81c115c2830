"""CSV as the rest of the world writes it: quotes, any line ends, a byte order mark. FATE understands none of these."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.csv

from airflow_provider_fate.data.source.faults import BLOCK, DELIMITERS, csv_fault, delimiter_name, row_too_long
from airflow_provider_fate.data.source.lines import Lines, csv_options
from airflow_provider_fate.errors import FateDataError, FateInputError

__all__ = ["read_csv"]

_BOM = b"\xef\xbb\xbf"


def read_csv(rewound: Callable[[], Any], name: str, delimiter: str) -> Iterator[pa.RecordBatch | Lines]:
    """Read a CSV file with a header; the first batch has the names and no rows.

    As long as there are no quotes, lines are given as they are. With the first quote, a line break may be inside a
    value: from there on Arrow reads, and gives batches of bytes.

    :param rewound: gives the file at its beginning, for reading; is called again when a row is to be named.
    :param name: of the file, for messages.
    :param delimiter: one character.
    :raises FateDataError: it is not a table; names the row, counted from 1 below the header.
    """
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise FateInputError(f"delimiter={delimiter!r} is not one character", hint="Write ',' or '\\t', for example.")
    stream = rewound()
    start = stream.read(BLOCK)
    names, begin = _header(start, name, delimiter)
    # Two columns of one name: which is which is told by the shape, if it matters at all.
    yield pa.RecordBatch.from_arrays([pa.array([], pa.binary()) for _ in names], names=names)
    position = begin
    for block, lines in _blocks(start[begin:], stream, name):
        if lines is None:
            reader = _with_quotes(pa.PythonFile(_Rest(block, stream), mode="r"), names, delimiter)
            try:
                yield from reader
            except pa.ArrowInvalid as error:
                raise csv_fault(error, name, delimiter, _rows(rewound(), begin, position)) from None
            return
        yield Lines(lines, names, delimiter, name)
        position += len(block)


def _header(start: bytes, name: str, delimiter: str) -> tuple[list[str], int]:
    """The names of the columns, and where the rows begin."""
    mark = len(_BOM) if start.startswith(_BOM) else 0
    try:
        text = start[mark:].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < start.find(b"\n", mark) - mark:
            raise FateDataError(
                f"the header of {name} is not UTF-8", hint="Set encoding='latin-1' or what it was written in."
            ) from None
        text = start[mark : mark + error.start].decode("utf-8")
    lines = io.StringIO(text, newline="")
    try:
        names = next((line for line in csv.reader(lines, delimiter=delimiter) if line), [])
    except csv.Error as error:
        raise FateDataError(f"the header of {name} cannot be read: {error}", hint="Look at its first line.") from None
    if not names or not any(column.strip() for column in names):
        raise FateDataError(f"{name} has no header", hint="Its first line names the columns.")
    for other, what in DELIMITERS.items():
        if other != delimiter and len(names) == 1 and other in names[0].strip():
            raise FateDataError(
                f"the columns of {name} are separated by {what} and not by {delimiter_name(delimiter)}",
                hint=f"Set delimiter={other!r}.",
            )
    return names, mark + len(text[: lines.tell()].encode())


def _blocks(start: bytes, stream: Any, name: str) -> Iterator[tuple[bytes, bytes | None]]:
    """Cut a file behind its first piece into blocks of whole lines.

    Gives each block with its lines as :class:`Lines` wants them, until there is one that needs a parser to tell where
    lines end: that is the last, and has none.
    """
    left = b""
    for piece in chain([start], iter(lambda: stream.read(BLOCK), b"")):
        end = piece.rfind(b"\n") + 1
        if not end:
            left += piece
            if len(left) > BLOCK:
                if not _needs_parser(left):
                    raise row_too_long(name)
                yield left, None
                return
            continue
        block, left = b"".join((left, memoryview(piece)[:end])), piece[end:]
        if _needs_parser(block):
            yield block + left, None
            return
        yield block, block.replace(b"\r\n", b"\n") if b"\r" in block else block
    if left:
        last = left + b"\n"
        yield left, None if _needs_parser(last) else last.replace(b"\r\n", b"\n")


def _needs_parser(block: bytes) -> bool:
    """Whether lines end elsewhere than at line feeds only."""
    return b'"' in block or (b"\r" in block and block.count(b"\r") != block.count(b"\r\n"))


def _with_quotes(file: pa.NativeFile, names: list[str], delimiter: str) -> Iterator[pa.RecordBatch]:
    yield from pa.csv.open_csv(file, **csv_options(names, delimiter, BLOCK))


def _rows(stream: Any, begin: int, end: int) -> int:
    """How many lines that are not empty there are from one position to another, both at the beginning of lines."""
    stream.read(begin)
    rows, line = 0, b""
    for size in (min(BLOCK, end - position) for position in range(begin, end, BLOCK)):
        *lines, line = (line + stream.read(size)).split(b"\n")
        rows += sum(1 for one in lines if one.strip(b"\r"))
    return rows


class _Rest(io.RawIOBase):
    """What has been read of a stream already, and then what is left of it."""

    def __init__(self, start: bytes, stream: Any) -> None:
        super().__init__()
        self._start = start
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        # In full: Arrow takes a short piece for a short block, into which the next row may not fit.
        piece, self._start = self._start[:size], self._start[size:]
        return piece + self._stream.read(size - len(piece)) if len(piece) < size else piece
