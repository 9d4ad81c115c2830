"""What a wait gives back to the task: one JSON value, the same from a trigger and from a worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from airflow_provider_fate.errors import FateError, FateServerError
from airflow_provider_fate.remote.states import Outcome, Snapshot, WorkState

__all__ = ["Event"]


@dataclass(frozen=True)
class Event:
    """The end of a wait.

    :param work_id: what the work is called.
    :param ref: the reference, as JSON.
    :param outcome: why the wait ended.
    :param state: where the work stands.
    :param detail: the remote system's word for it, or the text of ``error``.
    :param error: class of the refusal, where that is the outcome.
    :param found: what the wait has found, see :class:`Snapshot`.
    """

    work_id: str
    ref: Mapping[str, Any]
    outcome: Outcome
    state: WorkState
    detail: str = ""
    error: str | None = None
    found: Mapping[str, Any] | None = None

    @classmethod
    def of(
        cls, work_id: str, ref: Mapping[str, Any], outcome: Outcome, seen: Snapshot, error: FateError | None = None
    ) -> Self:
        """Make it of the last look."""
        return cls(
            work_id=work_id,
            ref=ref,
            outcome=outcome,
            state=seen.state,
            detail=seen.detail if error is None else str(error),
            error=None if error is None else type(error).__name__,
            found=seen.found,
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "work_id": self.work_id,
            "ref": dict(self.ref),
            "outcome": self.outcome.value,
            "state": self.state.value,
            "detail": self.detail,
            "error": self.error,
            "found": None if self.found is None else dict(self.found),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From what :meth:`to_json` has made."""
        return cls(
            work_id=str(data["work_id"]),
            ref=data["ref"],
            outcome=Outcome(data["outcome"]),
            state=WorkState(data["state"]),
            detail=str(data.get("detail") or ""),
            error=data.get("error"),
            found=data.get("found"),
        )

    def refusal(self, message: str) -> FateError:
        """The error of the class that has ended the wait, with another message."""
        kinds = {kind.__name__: kind for kind in _subclasses(FateError)}
        return kinds.get(self.error or "", FateServerError)(message)


def _subclasses(kind: type[FateError]) -> Iterator[type[FateError]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _subclasses(sub)
