"""Pieces of Markdown that hold texts of others: nothing in them can become a link, a heading or HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["plain", "table"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")


def plain(text: str) -> str:
    """Text as it is: nothing in it is Markdown, and it stays on its line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table.

    :param head: names of the columns, as Markdown.
    :param rows: cells, as plain text.
    """
    lines = [head, ["---"] * len(head)]
    lines += [[plain(cell) for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
