"""How answers are read: what several endpoints have in common."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from airflow_provider_fate.clients.http import Reply
from airflow_provider_fate.errors import FateServerError

from .envelope import MISSING

__all__ = ["THERE_OR_NOT", "by_name", "many", "moment", "nothing", "or_none"]

THERE_OR_NOT = frozenset({MISSING})
"""Codes that are an answer to a question for what may not be there."""


def many(model: Any) -> Any:
    """Return what reads a list; Go writes an empty one as null."""
    return lambda reply: [model.model_validate(one) for one in reply.data or ()]


def or_none(model: Any) -> Any:
    """Return what reads a record that may not be there."""
    return lambda reply: None if reply.code else model.model_validate(reply.data)


def nothing(reply: Reply) -> None:
    """Read nothing."""
    return


def by_name(found: Any, name: str, what: str) -> Any:
    """Return the one of this name, for orders that answer no id.

    :raises FateServerError: it is not there.
    """
    for one in found:
        if one.name == name:
            return one
    raise FateServerError(f"The new {what} {name!r} is not in the list.", hint="Somebody may have removed it at once.")


def moment(date: str | None) -> datetime | None:
    """Return the moment that a header ``Date`` tells."""
    try:
        return parsedate_to_datetime(date or "")
    except ValueError:
        return None
