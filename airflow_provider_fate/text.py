"""Tables for people, as they stand in task logs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["columns"]

_CONTROL = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), "\ufffd")


def columns(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Lines with columns as wide as their content; what is not known is a dash, and no value breaks a line.

    :param header: names of the columns.
    :param rows: one value per column.
    """
    cells = [list(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _cell(value: object) -> str:
    return "-" if value is None else str(value).translate(_CONTROL)
