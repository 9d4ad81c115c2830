"""Conversions that somebody has declared: words, dates and numbers in the writing of a country, to plain numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from airflow_provider_fate.errors import FateInputError

__all__ = ["BOOLEANS", "Convert", "Dates", "NumberFormat", "Unfit", "Words", "conversion_of"]

Number = int | float
_TRUE = ("true", "t", "yes", "y", "on", "1", "1.0")
_FALSE = ("false", "f", "no", "n", "off", "0", "0.0")
_EPOCH = date(1970, 1, 1)
_SPACES = " \t"


class Unfit(Exception):
    """A value that the declared conversion does not know.

    :ivar row: its position in the batch.
    """

    def __init__(self, row: int, value: str, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.row, self.value, self.reason, self.hint = row, value, reason, hint


class Convert(Protocol):
    """A conversion of a column to numbers."""

    def apply(self, values: pa.Array, text: Callable[[], pa.Array], missing: tuple[str, ...]) -> pa.Array:
        """Return numbers, and nulls for what is missing.

        :param text: gives the values as text.
        :param missing: texts that mean "missing", besides the empty one.
        :raises Unfit: a value is none that was declared.
        """


@dataclass(frozen=True)
class Words:
    """Words that stand for numbers, ``{"no": 0, "yes": 1}``.

    :param numbers: the number of each value. A number among the values stands for itself however it is written
        (``-1``, ``-1.0``); a boolean for true, yes and on, or false, no and off, in any case: YAML reads an unquoted
        ``yes`` as a boolean.
    :param said_in: where it was declared, for messages.
    """

    numbers: Mapping[str | bool | float, Number]
    said_in: str = "label_values"

    def apply(self, values: pa.Array, text: Callable[[], pa.Array], missing: tuple[str, ...]) -> pa.Array:
        """Look each value up."""
        return _each(text(), missing, self._number)

    def _number(self, value: str) -> Number:
        if value in self.numbers and isinstance(value, str):
            return self.numbers[value]
        lower = value.lower()
        for key, number in self.numbers.items():
            if isinstance(key, bool):
                if lower in (_TRUE if key else _FALSE):
                    return number
            elif isinstance(key, int | float) and _float(value) == key:
                return number
        known = ", ".join(repr(key) for key in self.numbers)
        raise _Unknown(
            f"is not one of the values of {self.said_in} ({known})",
            "Say its number there, or correct the source.",
        )


BOOLEANS = Words({True: 1, False: 0}, "the type 'bool'")
"""True and false, yes and no, as 1 and 0."""


@dataclass(frozen=True)
class Dates:
    """Dates as numbers of days since 1970-01-01; a time of day is left out.

    :param format: as ``strptime`` takes it; ``None``: as ISO 8601 has it (``2026-01-31``).
    """

    format: str | None = None

    def apply(self, values: pa.Array, text: Callable[[], pa.Array], missing: tuple[str, ...]) -> pa.Array:
        """Count the days."""
        if pa.types.is_timestamp(values.type):
            values = pc.cast(pc.floor_temporal(values, unit="day"), pa.date32())
        if pa.types.is_date(values.type):
            return pc.cast(pc.cast(values, pa.date32()), pa.int32())
        return _each(text(), missing, self._days)

    def _days(self, value: str) -> int:
        try:
            day = datetime.strptime(value, self.format) if self.format else datetime.fromisoformat(value)
        except ValueError:
            raise _Unknown(
                f"is not a date written as {self.format or 'YYYY-MM-DD'}",
                "Say how dates are written in the type: 'date:%d.%m.%Y' for 31.01.2026.",
            ) from None
        return (day.date() - _EPOCH).days


def conversion_of(kind: str) -> tuple[str, Convert | None]:
    """FATE's type for a type that a user may name, and the conversion that it asks for.

    :param kind: ``bool``, ``date`` or ``date:FORMAT``; any other stays as it is.
    """
    if kind == "bool":
        return "float32", BOOLEANS
    name, _, form = kind.partition(":")
    return ("float32", Dates(form or None)) if name == "date" else (kind, None)


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of a text are written.

    :param decimal: before the fraction, ``.`` or ``,``.
    :param thousands: between groups of three digits; empty: nothing.
    """

    decimal: str = "."
    thousands: str = ""

    def __post_init__(self) -> None:
        if self.decimal not in (".", ","):
            raise FateInputError(f"decimal={self.decimal!r} is neither '.' nor ','", hint="Write decimal=','.")
        if self.thousands not in ("", ",", ".", " ", "'", "_"):
            raise FateInputError(
                f"thousands={self.thousands!r} cannot stand between thousands", hint="Take one of , . ' _ or a space."
            )
        if self.thousands == self.decimal:
            raise FateInputError(f"thousands and decimal are both {self.decimal!r}", hint="Correct one of them.")

    @property
    def plain(self) -> bool:
        """Whether FATE understands such numbers as they are."""
        return (self.decimal, self.thousands) == (".", "")

    def read(self, text: pa.Array, missing: tuple[str, ...]) -> pa.Array:
        """Return the numbers as FATE writes them, and all that means "missing" as it is.

        :raises Unfit: one is written in another way. ``1.5`` with ``.`` between thousands is not fifteen.
        """
        text = pc.utf8_trim(text, f"{_SPACES}\u00a0")
        good = pc.fill_null(pc.match_substring_regex(text, self._pattern), True)
        if not pc.all(good).as_py():
            absent = pc.is_in(pc.utf8_lower(text), value_set=pa.array(["", "nan", "-nan"]))
            absent = pc.or_(absent, pc.is_in(text, value_set=pa.array(missing, pa.string())))
            known = pc.or_(good, absent)
            if not pc.all(known).as_py():
                row = int(pc.index(known, False).as_py())
                said = f"decimal={self.decimal!r}" + (f" and thousands={self.thousands!r}" if self.thousands else "")
                value = text[row].as_py()
                raise Unfit(
                    row,
                    value,
                    f"is not a number as {said} would write it",
                    f"Correct it; or, if it means a missing one, set na_values={[value]!r}.",
                )
        changed = pc.replace_substring_regex(text, self._between, "") if self.thousands else text
        if self.decimal != ".":
            changed = pc.replace_substring(changed, self.decimal, ".")
        return pc.if_else(good, pc.replace_substring_regex(changed, r"^\+", ""), text)

    @property
    def _between(self) -> str:
        # People and spreadsheets write spaces that do not break a line.
        return r"[ \x{a0}\x{202f}]" if self.thousands == " " else re.escape(self.thousands)

    @property
    def _pattern(self) -> str:
        whole = f"(?:[0-9]+|[0-9]{{1,3}}(?:{self._between}[0-9]{{3}})+)" if self.thousands else "[0-9]+"
        point = re.escape(self.decimal)
        return rf"^[+-]?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?$"


class _Unknown(Exception):
    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.reason, self.hint = reason, hint


def _each(text: pa.Array, missing: tuple[str, ...], function: Callable[[str], Number]) -> pa.Array:
    """Convert values, each different one once."""
    encoded = pc.dictionary_encode(pc.utf8_trim(text, _SPACES))
    numbers: list[Number | None] = []
    for code, value in enumerate(encoded.dictionary.to_pylist()):
        try:
            numbers.append(None if value == "" or value in missing else function(value))
        except _Unknown as unknown:
            row = int(pc.index(encoded.indices, pa.scalar(code, encoded.indices.type)).as_py())
            raise Unfit(row, value, unknown.reason, unknown.hint) from None
    kind = pa.float64() if any(isinstance(number, float) for number in numbers) else pa.int64()
    return pa.array(numbers, kind).take(encoded.indices)


def _float(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
