"""What is to be deleted from a site, as a user writes it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Any, Literal

from airflow_provider_fate.errors import FateInvalidParameterError

__all__ = ["KINDS", "Kind", "Policy"]

Kind = Literal["tables", "models", "outputs", "jobs"]
KINDS: tuple[Kind, ...] = ("tables", "models", "outputs", "jobs")
"""In the order in which they are deleted: a job goes only when its tables and models have gone.

``outputs`` are the tables that the tasks of a job have made for each other; the job itself stays.
"""

_NEVER = ("", "none")


@dataclass(frozen=True)
class Policy:
    """What is to be deleted.

    :param older_than: by kind, the age from which on something is deleted; a kind that is not named is kept.
    :param keep: by kind, patterns (``credit.*``) of what is kept whatever its age: ``namespace.name`` of tables, ids of
        models, with or without ``/version``, and ids of jobs, which keep their outputs, too.
    """

    older_than: Mapping[Kind, timedelta]
    keep: Mapping[Kind, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, older_than: Any, keep: Any = None) -> Policy:
        """Read what a user has written.

        :param older_than: a ``timedelta`` or a number of days, for all kinds or in a mapping by kind; a kind that is
            missing or ``None`` is kept. Text is read as a number, as templates give it.
        :param keep: a mapping from kind to patterns.
        :raises FateInvalidParameterError: it is something else; names field, value and way out.
        """
        ages = older_than if isinstance(older_than, Mapping) else dict.fromkeys(KINDS, older_than)
        _only_kinds("older_than", ages)
        parsed = {kind: age for kind in KINDS if (age := _age(kind, ages.get(kind))) is not None}
        if not parsed:
            raise FateInvalidParameterError(
                f"older_than={older_than!r} names nothing that may be deleted.",
                hint="Give an age, such as older_than={'tables': 30, 'jobs': 30} in days.",
            )
        keep = keep or {}
        if not isinstance(keep, Mapping):
            raise FateInvalidParameterError(
                f"keep={keep!r} is not a mapping.", hint="Write keep={'tables': ['credit.*'], 'models': ['champion']}."
            )
        _only_kinds("keep", keep)
        return cls(parsed, {kind: _patterns(kind, keep[kind]) for kind in KINDS if keep.get(kind)})

    def kept_by(self, kind: Kind, *names: str) -> str | None:
        """The pattern of the keep list that one of the names fits, if there is one."""
        return next((p for p in self.keep.get(kind, ()) if any(fnmatchcase(name, p) for name in names)), None)


def _only_kinds(name: str, given: Mapping[Any, Any]) -> None:
    if unknown := sorted(str(kind) for kind in given if kind not in KINDS):
        raise FateInvalidParameterError(
            f"{name} has {', '.join(map(repr, unknown))}, which is not a kind of thing.",
            hint=f"The kinds are {', '.join(KINDS)}.",
        )


def _age(kind: Kind, value: Any) -> timedelta | None:
    if value is None or (isinstance(value, str) and value.strip().lower() in _NEVER):
        return None
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        age = value if isinstance(value, timedelta) else timedelta(days=float(value))
        if age >= timedelta(0) and not isinstance(value, bool):
            return age
    raise FateInvalidParameterError(
        f"older_than of {kind} is {value!r}, which is not an age.",
        hint="Write a timedelta or a number of days, 0 or more; leave a kind out to keep all of it.",
    )


def _patterns(kind: Kind, value: Any) -> tuple[str, ...]:
    # A text alone would be taken letter by letter: what was to be kept would not be.
    if isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(p, str) and p.strip() for p in value):
        return tuple(value)
    raise FateInvalidParameterError(
        f"keep of {kind} is {value!r}, which is not a list of patterns.",
        hint="Write a list such as ['credit.*', 'loans.bank_2026*'].",
    )
