"""Check a CSV file for everything that FATE's uploader would refuse late or, worse, silently misread.

FATE 2.2 does not parse CSV. It takes every line, strips white space from its end, and cuts it at each delimiter; a
second task turns the pieces into numbers by their position. So a quoted delimiter shifts all columns behind it, quotes
around an id make it another id (which then matches nobody's), a byte order mark becomes part of the first column's
name, additional values at the end of a row are dropped without a word, whole numbers that are too large come out
negative, and of rows with the same sample id one survives. What is checked here is what that code does, not what CSV
is.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from airflow_provider_fate.data.layout import Layout, MetaLike, header_of
from airflow_provider_fate.errors import FateDataError

__all__ = ["CsvSummary", "MetaLike", "check_csv"]

_LONGEST_LINE = 16 * 1024 * 1024
_NOT_TEXT = {
    b"\x1f\x8b": "it is compressed with gzip",
    b"PK\x03\x04": "it is a ZIP archive (or an Excel file)",
    b"PAR1": "it is a Parquet file",
    b"\xff\xfe": "it is UTF-16 text",
    b"\xfe\xff": "it is UTF-16 text",
}


@dataclass(frozen=True, slots=True)
class CsvSummary:
    """What a file holds.

    :ivar rows: rows of data; the table that FATE makes of it has as many.
    :ivar columns: names of all columns, in order.
    :ivar features: the columns that are neither id nor label nor weight. Their order matters: FATE names them to the
        other parties by their position.
    :ivar size: bytes.
    """

    rows: int
    columns: tuple[str, ...]
    features: tuple[str, ...]
    size: int


def check_csv(
    path: str | PathLike[str],
    *,
    meta: MetaLike,
    extend_sid: bool | None = None,
    allow_duplicate_ids: bool = False,
) -> CsvSummary:
    """Read a file once and make sure that FATE will read it as it is meant.

    Memory does not grow with the file, but for 8 bytes a row: the hashes by which equal ids are found.

    :param path: the file; its first line names the columns, unless ``meta.header`` does.
    :param meta: how FATE is told to read it.
    :param extend_sid: whether FATE makes up the sample ids; by default, unless ``meta`` names a column of them.
    :param allow_duplicate_ids: accept a match id several times. At a guest FATE's PSI does; at a host the job fails.
    :raises FateDataError: FATE would refuse or misread it; names row, column, and the way out.
    :raises OSError: the file cannot be read.
    """
    file_path = Path(path)
    made_up = extend_sid if extend_sid is not None else meta.sample_id_name is None
    with file_path.open("rb") as file:
        _check_start(file)
        lines = _lines(file)
        layout = Layout.of(header_of(meta, made_up) or next(lines)[1], meta, made_up)
        ids = _Ids()
        rows = 0
        for number, text in lines:
            values = layout.check_row(number, text)
            ids.add(values[layout.unique_index])
            rows += 1
    if not rows:
        raise FateDataError("the file has a header and no rows", hint="FATE cannot make a table of nothing.")
    if not (allow_duplicate_ids and made_up):
        ids.check(file_path, layout)
    return CsvSummary(rows, layout.columns, layout.features, file_path.stat().st_size)


# --- bytes and lines --------------------------------------------------------------------------------------------------


def _check_start(file: BinaryIO) -> None:
    start = file.read(4)
    file.seek(0)
    if not start:
        raise FateDataError("the file is empty", hint="Give one with a header and at least one row.")
    if start.startswith(b"\xef\xbb\xbf"):
        raise FateDataError(
            "the file begins with a byte order mark, which FATE would take as part of the first column's name",
            hint="Save it as UTF-8 without BOM (in Python: encoding='utf-8', not 'utf-8-sig').",
            row=1,
        )
    for magic, what in _NOT_TEXT.items():
        if start.startswith(magic):
            raise FateDataError(f"this is not a CSV file in UTF-8: {what}", hint="Convert it first.", row=1)


def _lines(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line, cut where FATE's text mode cuts."""
    number = 0
    while raw := file.readline(_LONGEST_LINE):
        number += 1
        if len(raw) == _LONGEST_LINE:
            raise FateDataError(
                f"line {number} is longer than {_LONGEST_LINE // 2**20} MiB",
                hint="End lines with a line feed.",
                row=number,
            )
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FateDataError(
                f"line {number} is not UTF-8: byte {raw[error.start]:#04x} at position {error.start + 1}",
                hint="Save the file as UTF-8 (iconv -f latin1 -t utf-8, for example).",
                row=number,
            ) from None
        text = text.removesuffix("\n").removesuffix("\r")
        if "\r" in text:
            raise FateDataError(
                f"line {number} has a carriage return inside, where FATE would begin a new row",
                hint="End lines with a line feed, and take line breaks out of values.",
                row=number,
            )
        if "\0" in text:
            raise FateDataError(f"line {number} has a NUL byte", hint="Save the file as UTF-8 text.", row=number)
        yield number, text


# --- ids --------------------------------------------------------------------------------------------------------------


class _Ids:
    """Finds equal ids among many: keeps 8 bytes of each, in pieces that are small enough to be sorted one by one."""

    def __init__(self) -> None:
        self._pieces = [array("q") for _ in range(256)]

    def add(self, value: str) -> None:
        digest = hash(value)
        self._pieces[digest & 255].append(digest)

    def _suspects(self) -> set[int]:
        suspects: set[int] = set()
        for piece in self._pieces:
            ordered = sorted(piece)
            suspects.update(a for a, b in pairwise(ordered) if a == b)
        return suspects

    def check(self, path: Path, layout: Layout) -> None:
        """Raise if an id occurs twice. Only then is the file read again, to say where and to rule out chance."""
        suspects = self._suspects()
        if not suspects:
            return
        seen: dict[str, int] = {}
        column = layout.columns[layout.unique_index]
        with path.open("rb") as file:
            for number, text in islice(_lines(file), layout.header_lines, None):
                value = text.rstrip().split(layout.delimiter)[layout.unique_index]
                if hash(value) not in suspects:
                    continue
                if value in seen:
                    raise FateDataError(
                        f"the id {value!r} stands in line {seen[value]} and again in line {number}",
                        hint="Keep one row for each id: of rows with the same sample id FATE keeps one, and with "
                        "the same match id at a host the intersection fails.",
                        row=number,
                        column=column,
                    )
                seen[value] = number
