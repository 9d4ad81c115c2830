"""CSV as the rest of the world writes it: quotes, any line ends, a byte order mark. FATE understands none of these."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv

from airflow_provider_fate.errors import FateDataError, FateInputError

__all__ = ["read_csv"]

_BLOCK = 512 * 1024
_LONGEST_HEADER = 1024 * 1024
_DELIMITERS = {",": "a comma", "\t": "a tab", ";": "a semicolon", "|": "a bar", " ": "a space"}
_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


def read_csv(rewound: Callable[[], Any], name: str, delimiter: str) -> Iterator[pa.RecordBatch]:
    """Read a CSV file with a header in batches of text; the first batch has the names and no rows.

    :param rewound: gives the file as a stream of Arrow, at its beginning; is called twice.
    :param name: of the file, for messages.
    :param delimiter: one character.
    :raises FateDataError: it is not a table; names the row, counted from 1 below the header.
    """
    if len(delimiter) != 1 or delimiter in '"\r\n\0':
        raise FateInputError(f"delimiter={delimiter!r} is not one character", hint="Write ',' or '\\t', for example.")
    names = _header(rewound().read(_LONGEST_HEADER), name, delimiter)
    # Two columns of one name: which is which is told by the shape, if it matters at all.
    yield pa.RecordBatch.from_arrays([pa.array([], pa.binary()) for _ in names], names=names)
    try:
        reader = pa.csv.open_csv(
            rewound(),
            # One thread: Arrow then tells the row of an error, and is faster here.
            read_options=pa.csv.ReadOptions(block_size=_BLOCK, use_threads=False),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                # Text stays as it is: numbers are checked, and not written anew. Bytes, since Arrow does not tell in
                # which row it finds what is not UTF-8.
                column_types={column: pa.binary() for column in names},
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
        yield from reader
    except pa.ArrowInvalid as error:
        raise _explained(error, name, delimiter) from None


def _header(start: bytes, name: str, delimiter: str) -> list[str]:
    start = start.removeprefix(b"\xef\xbb\xbf")
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < start.find(b"\n"):
            raise FateDataError(
                f"the header of {name} is not UTF-8", hint="Set encoding='latin-1' or what it was written in."
            ) from None
        text = start[: error.start].decode("utf-8")
    lines = csv.reader(text.splitlines(keepends=True), delimiter=delimiter)
    names = next((line for line in lines if line), [])
    if not names or not any(column.strip() for column in names):
        raise FateDataError(f"{name} has no header", hint="Its first line names the columns.")
    for other, what in _DELIMITERS.items():
        if other != delimiter and len(names) == 1 and other in names[0].strip():
            raise FateDataError(
                f"the columns of {name} are separated by {what} and not by {_called(delimiter)}",
                hint=f"Set delimiter={other!r}.",
            )
    return names


def _called(delimiter: str) -> str:
    return _DELIMITERS.get(delimiter, repr(delimiter))


def _explained(error: pa.ArrowInvalid, name: str, delimiter: str) -> FateDataError:
    text = " ".join(str(error).split())
    if found := _RAGGED.search(text):
        row, expected, got = (int(group.replace(",", "")) for group in found.groups())
        return FateDataError(
            f"row {row - 1:,} of {name} has {got} values for {expected} columns",
            hint=f"A value with {_called(delimiter)} or a line break inside belongs in quotes.",
            row=row - 1,
        )
    if "straddling object" in text or "block size" in text.lower():
        return FateDataError(
            f"{name} has a row of more than {_BLOCK // 1024} KiB", hint="Is a quote opened that is never closed?"
        )
    return FateDataError(f"{name} is not a CSV file: {text[:200]}", hint="Look at its first lines.")
