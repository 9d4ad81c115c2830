"""From the columns of a row to one text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Self

from airflow_provider_fate.errors import FateInputError

__all__ = ["TextTemplate"]


@dataclass(frozen=True)
class TextTemplate:
    """A text with names of columns in braces, ``Question: {question}``.

    A line that names columns, all of which are empty in a row, is left out of that row's text: optional columns such as
    an instruction's input need no second template. ``{{`` stands for a brace.

    :ivar lines: each line as pairs of a literal text and the column that follows it, if one does.
    """

    lines: tuple[tuple[tuple[str, str | None], ...], ...]

    @classmethod
    def parse(cls, text: str, argument: str) -> Self:
        """Read a template; a text without braces is the name of a column.

        :param argument: what it was given as, for messages.
        :raises FateInputError: it is empty, or has something else than names of columns in braces.
        """
        if not text.strip():
            raise FateInputError(
                f"{argument}={text!r} names no column", hint=f"Write {argument}='{{question}}', for example."
            )
        if "{" not in text and "}" not in text:
            return cls(((("", text),),))
        return cls(tuple(_line(line, argument) for line in text.split("\n")))

    @property
    def columns(self) -> list[str]:
        """The columns that it names, each once."""
        return list(dict.fromkeys(name for line in self.lines for _, name in line if name is not None))

    def render(self, row: Mapping[str, str]) -> str:
        """Fill in a row."""
        return "\n".join("".join(_filled(line, row)) for line in self.lines if _has_something(line, row))


def _line(line: str, argument: str) -> tuple[tuple[str, str | None], ...]:
    try:
        parts = list(Formatter().parse(line))
    except ValueError as error:
        raise FateInputError(
            f"{argument}: {line!r} is not a template ({error})", hint="Write {column}, and {{ or }} for a brace."
        ) from None
    for _, name, form, conversion in parts:
        if name is not None and (not name.strip() or form or conversion):
            raise FateInputError(
                f"{argument}: {line!r} has something else than the name of a column in its braces",
                hint="Write {column}, and {{ or }} for a brace.",
            )
    return tuple((literal, name) for literal, name, _, _ in parts)


def _has_something(line: tuple[tuple[str, str | None], ...], row: Mapping[str, str]) -> bool:
    names = [name for _, name in line if name is not None]
    return not names or any(row[name].strip() for name in names)


def _filled(line: tuple[tuple[str, str | None], ...], row: Mapping[str, str]) -> list[str]:
    return [literal + (row[name] if name is not None else "") for literal, name in line]
