"""JSON as texts come in: an object in each line, or one array of objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from airflow_provider_fate.data.source.faults import BLOCK
from airflow_provider_fate.data.source.files import FileSource
from airflow_provider_fate.errors import FateDataError

__all__ = ["is_json", "read_json"]

_SUFFIXES = (".jsonl", ".ndjson", ".json")
_COMPRESSED = (".gz", ".zst", ".bz2", ".lz4")
_BOM = b"\xef\xbb\xbf"
_ROWS = 1000
"""At most so many objects are given at a time."""
_LONGEST = 16 * 1024 * 1024
"""Bytes of the longest line."""
_ARRAY = 256 * 1024 * 1024
"""Bytes of the largest array: it is read whole."""


def is_json(source: FileSource) -> bool:
    """Whether a file is JSON, by its name or by its first character."""
    name = source.name.lower().partition("?")[0]
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    if name.endswith(_SUFFIXES):
        return True
    with source.text() as stream:
        return _stripped(stream.read(64))[:1] in (b"{", b"[")


def read_json(source: FileSource) -> Iterator[list[dict[str, Any]]]:
    """Read objects, some at a time, with memory that does not grow with the file unless that is one array.

    :raises FateDataError: it is not JSON, or has something else than objects; names the row, counted from 1.
    """
    with source.text() as stream:
        start = stream.read(BLOCK)
        if not _stripped(start):
            raise FateDataError(f"{source.name} is empty", hint="Give a file with at least one row.")
        if _stripped(start).startswith(b"["):
            yield from _array(start, stream, source.name)
        else:
            yield from _lines(start, stream, source.name)


def _stripped(start: bytes) -> bytes:
    return start.removeprefix(_BOM).lstrip()


def _lines(start: bytes, stream: Any, name: str) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    before = 0
    for line in _split(start.removeprefix(_BOM), stream, name):
        if not line.strip():
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            number = before + len(rows) + 1
            raise FateDataError(
                f"row {number:,} of {name} is not JSON: {error.msg}",
                hint='Write one object in each line, in UTF-8: {"question": "...", "answer": "..."}.',
                row=number,
            ) from None
        rows.append(_object(row, before + len(rows) + 1, name))
        if len(rows) == _ROWS:
            yield rows
            before += len(rows)
            rows = []
    if rows:
        yield rows


def _split(start: bytes, stream: Any, name: str) -> Iterator[bytes]:
    pieces = [start]
    while block := stream.read(BLOCK):
        if b"\n" in block:
            *lines, rest = b"".join([*pieces, block]).split(b"\n")
            yield from lines
            pieces = [rest]
            continue
        pieces.append(block)
        if sum(map(len, pieces)) > _LONGEST:
            raise FateDataError(
                f"{name} has a line of more than {_LONGEST // 1024**2} MiB", hint="Write one object in each line."
            )
    yield from b"".join(pieces).split(b"\n")


def _array(start: bytes, stream: Any, name: str) -> Iterator[list[dict[str, Any]]]:
    text = start + stream.read(_ARRAY + 1 - len(start))
    if len(text) > _ARRAY:
        raise FateDataError(
            f"{name} is one JSON array of more than {_ARRAY // 1024**2} MiB, which would have to be read whole",
            hint="Write it as JSON Lines, one object in each line: jq -c '.[]' does that.",
        )
    try:
        found = orjson.loads(text.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        raise FateDataError(
            f"{name} begins like a JSON array and is none: {error.msg} at character {error.pos:,}",
            hint="Write one array of objects, or one object in each line.",
        ) from None
    rows = [_object(row, number, name) for number, row in enumerate(found, 1)]
    for begin in range(0, len(rows), _ROWS):
        yield rows[begin : begin + _ROWS]


def _object(row: Any, number: int, name: str) -> dict[str, Any]:
    if isinstance(row, dict):
        return row
    raise FateDataError(
        f"row {number:,} of {name} is {type(row).__name__}, not an object with named values",
        hint='Write {"question": "...", "answer": "..."}.',
        row=number,
    )
