"""What the author of a DAG says of files and ids, grouped. Light: DAG files import this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from airflow_provider_fate.errors import FateInputError

__all__ = ["Csv", "Ids", "grouped"]


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


Group = TypeVar("Group", Csv, Ids)


def grouped(name: str, group: Group | None, default: Group, short: Mapping[str, tuple[str, Any]]) -> Group:
    """The group that was given, or what the short arguments say.

    :param name: of the argument that takes the group.
    :param short: by the name of a short argument, the group's field and the value; ``None``: not given.
    :raises FateInputError: a group and a short argument of the same group were given.
    """
    given = {key: field_value for key, field_value in short.items() if field_value[1] is not None}
    if group is None:
        return replace(default, **dict(given.values()))
    if given:
        field = next(iter(given.values()))[0]
        kind = type(group).__name__
        raise FateInputError(
            f"{name} and {min(given)} are both given", hint=f"Say it in one place: {name}={kind}({field}=...)."
        )
    return group
