"""What is wrong with a job, said so that it can be put right: which field, its value, why, what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from airflow_provider_fate.errors import FateInvalidJobError

__all__ = ["Problem", "did_you_mean", "invalid_job"]

_LONGEST_VALUE = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that would make a job fail, hang, or do something else than was meant.

    :ivar field: where it is, as a path into what was given, such as ``tasks.sbt_0.component_ref``.
    :ivar value: what stands there; ``None`` where nothing stands.
    :ivar reason: why that cannot work.
    :ivar fix: what to write instead.
    """

    field: str
    value: object
    reason: str
    fix: str

    def __str__(self) -> str:
        value = repr(self.value)
        if len(value) > _LONGEST_VALUE:
            value = value[: _LONGEST_VALUE - 3] + "..."
        shown = f" = {value}" if self.value is not None else ""
        reason = self.reason if self.reason.endswith(("?", "!", ".")) else f"{self.reason}."
        return f"{self.field}{shown}: {reason} {self.fix}".rstrip()


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """Return ``Did you mean 'x'?`` for the closest of the known words, else ``otherwise``."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}?" if close else otherwise


def invalid_job(problems: Sequence[Problem], *, what: str = "This job") -> FateInvalidJobError:
    """Make the one error that lists all problems, so that they are corrected in one go."""
    if len(problems) == 1:
        return FateInvalidJobError(f"{what} cannot run: {problems[0]}", problems=problems)
    lines = "\n".join(f"  - {problem}" for problem in problems)
    return FateInvalidJobError(f"{what} cannot run, for {len(problems)} reasons:\n{lines}", problems=problems)
