"""What the author of a DAG says of files and ids, grouped. Light: DAG files import this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Csv", "Ids"]


@dataclass(frozen=True)
class Csv:
    """How a CSV file is written; ``decimal`` and ``thousands`` also hold for numbers that a query returns as text.

    :param delimiter: one character between two values.
    :param encoding: ``latin-1``, ``cp1252``, ``gb18030`` ...
    :param decimal: before the fraction of a number: ``.`` or ``,``.
    :param thousands: between groups of three digits: ``.``, ``,``, ``'``, ``_`` or a space; empty: nothing.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    thousands: str = ""


@dataclass(frozen=True)
class Ids:
    """How match ids are made alike at all parties.

    :param strip: take white space from both ends.
    :param case: make them ``lower`` or ``upper``; ``keep`` them.
    :param salt_conn_id: connection whose password is the salt that the partners have agreed upon; ids then become
        SHA-256 of salt and id, in hexadecimal digits.
    :param floats: ids that pandas took for numbers, ``1.0`` for ``1``: ``refuse`` them, ``strip`` the ``.0``, or
        ``keep`` it.
    """

    strip: bool = False
    case: Literal["keep", "lower", "upper"] = "keep"
    salt_conn_id: str | None = None
    floats: Literal["refuse", "strip", "keep"] = "refuse"
