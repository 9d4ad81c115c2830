"""What a person or a program reads: tables, JSON, and text that came from a server."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from airflow_provider_fate.text import columns

_CONTROL = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), "\ufffd") | {ord("\t"): "\t"}


def printable(text: str) -> str:
    """Text of a server without control characters: what stands in a log must not steer the reader's terminal."""
    return text.translate(_CONTROL)


def say(lines: Iterable[str]) -> None:
    """Print lines at once, also into a pipe; one that holds several is printed as several."""
    for text in lines:
        for line in text.splitlines() or [""]:
            print(printable(line), flush=True)


def as_json(data: object, *, indent: int | None = 2) -> None:
    """Print JSON: moments in ISO 8601, numbers as numbers, and nothing of it coloured or wrapped."""
    print(json.dumps(data, indent=indent, default=_plain), flush=True)


def as_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print columns as wide as their content; a value that is not known is a dash.

    Not Airflow's own table: it wraps ids, and takes square brackets for colours.
    """
    say(columns(header, rows))


def moment(value: datetime | None) -> str | None:
    """A moment in UTC, to the second."""
    return value.strftime("%Y-%m-%d %H:%M:%S") if value else None


def duration(seconds: float | None) -> str | None:
    """Hours, minutes and seconds."""
    return None if seconds is None else str(timedelta(seconds=int(seconds)))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
