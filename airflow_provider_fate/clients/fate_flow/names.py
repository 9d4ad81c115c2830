"""What may be sent as an id, a name or a label: FATE-Flow pastes these into paths, headers and a shell."""

from __future__ import annotations

import re

from airflow_provider_fate.errors import FateInvalidParameterError

__all__ = ["check_id", "check_label", "check_name"]

_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_UNSAFE_IN_NAME = re.compile(r"[\x00-\x1f\x7f/\\]")
_LABEL = re.compile(r"[\x20-\x7e]{0,500}")


def _is_text(value: object) -> bool:
    # Callers without a type checker pass numbers and None, which must not reach a regular expression.
    return isinstance(value, str)


def check_id(field_name: str, value: str) -> str:
    """Return ``value`` if it is safe as part of a path on the server; job, task, role, party and instance ids
    are.

    FATE-Flow pastes these into file names, and its log endpoints paste the file name into a shell.

    :raises FateInvalidParameterError: it holds anything but letters, digits, ``_``, ``.`` and ``-``.
    """
    if _is_text(value) and _ID.fullmatch(value) and value.strip("."):
        return value
    raise FateInvalidParameterError(
        f"{field_name} {value!r} is not an id of FATE.",
        hint="Ids consist of letters, digits, '_', '.' and '-' only; others would reach a shell on the server.",
        fields={field_name: ["not an id"]},
    )


def check_name(field_name: str, value: str) -> str:
    """Return ``value`` if it can name a table or a model; FATE-Flow makes a directory of that name.

    :raises FateInvalidParameterError: it is empty, or holds a slash or a control character.
    """
    if _is_text(value) and value.strip(". ") and len(value) <= 500 and not _UNSAFE_IN_NAME.search(value):
        return value
    raise FateInvalidParameterError(
        f"{field_name} {value!r} cannot name a table or model.",
        hint="Write 1 to 500 characters without slashes, backslashes and control characters.",
        fields={field_name: ["not a name"]},
    )


def check_label(field_name: str, value: str) -> str:
    """Return ``value`` if it can travel in a header.

    :raises FateInvalidParameterError: it is longer than 500 characters (what FATE-Flow stores), or not ASCII.
    """
    if _is_text(value) and _LABEL.fullmatch(value):
        return value
    raise FateInvalidParameterError(
        f"{field_name} {value!r} cannot be sent in a header.",
        hint="Write at most 500 printable ASCII characters.",
        fields={field_name: ["not a header value"]},
    )
