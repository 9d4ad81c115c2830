"""What Arrow finds wrong with a CSV file, in words for people."""

from __future__ import annotations

import re

import pyarrow as pa

from airflow_provider_fate.errors import FateDataError

__all__ = ["BLOCK", "DELIMITERS", "csv_fault", "delimiter_name", "row_too_long"]

BLOCK = 1024 * 1024
"""Bytes of a CSV file that are read at a time; a row may not be longer."""
DELIMITERS = {",": "a comma", "\t": "a tab", ";": "a semicolon", "|": "a bar", " ": "a space"}
_RAGGED = re.compile(r"Row #(\d+): Expected (\d+) columns, got (\d+)")


def csv_fault(error: pa.ArrowInvalid, name: str, delimiter: str, before: int) -> FateDataError:
    """Name the row and the way out.

    :param name: of the file.
    :param before: rows before those that were read, which had no header.
    """
    text = " ".join(str(error).split())
    if found := _RAGGED.search(text):
        row, expected, got = (int(group.replace(",", "")) for group in found.groups())
        return FateDataError(
            f"row {before + row:,} of {name} has {got} values for {expected} columns",
            hint=f"A value with {delimiter_name(delimiter)} or a line break inside belongs in quotes.",
            row=before + row,
        )
    if "straddling object" in text or "block size" in text.lower():
        return row_too_long(name)
    return FateDataError(f"{name} is not a CSV file: {text[:200]}", hint="Look at its first lines.")


def row_too_long(name: str) -> FateDataError:
    """There is no end of a row within a block."""
    return FateDataError(
        f"{name} has a row of more than {BLOCK // 1024} KiB", hint="Is a quote opened that is never closed?"
    )


def delimiter_name(delimiter: str) -> str:
    """What people call it."""
    return DELIMITERS.get(delimiter, repr(delimiter))
