"""Moments and durations as DAG authors write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["moment", "seconds"]


def seconds(name: str, value: timedelta | float) -> float:
    """A duration in seconds.

    :param name: of the argument, for the message.
    :raises ValueError: it is none.
    """
    length = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if length <= 0:
        raise ValueError(f"{name}={value!r} is not a duration: write a timedelta, or seconds, of more than 0.")
    return length


def moment(name: str, value: datetime | str) -> float:
    """A moment as Unix time; UTC where no time zone is given.

    :param name: of the argument, for the message.
    :raises FateInputError: it is none.
    """
    from airflow_provider_fate.errors import FateInputError

    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError:
        raise FateInputError(
            f"{name}={value!r} is not a moment.",
            hint="Write a datetime, or ISO text such as '2026-01-01T00:00:00+00:00' or '{{ data_interval_start }}'.",
        ) from None
    return (found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp()
