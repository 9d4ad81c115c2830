"""Where a piece of remote work stands, in words that do not depend on the remote system."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class WorkState(StrEnum):
    """State of remote work."""

    QUEUED = "queued"
    """Accepted, waiting for resources."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    """Somebody stopped it: a user, a partner, or this provider."""
    MISSING = "missing"
    """The remote system does not know it (any more)."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be waited for."""
        return self not in (WorkState.QUEUED, WorkState.RUNNING)

    @property
    def is_bad_end(self) -> bool:
        """Whether it has ended without a result."""
        return self in (WorkState.FAILED, WorkState.STOPPED, WorkState.MISSING)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One look at a piece of remote work.

    :param state: where it stands.
    :param progress: finished share in percent, where the remote system tells.
    :param detail: the remote system's own word for the state.
    :param changed: Unix time at which the remote system last wrote into its record, where it tells: a new one means
        that there is something new to report, though not that the work has advanced.
    :param found: what there is to be given back, as JSON, once the work is over; ``None``: nothing, or it is asked for
        afterwards.
    """

    state: WorkState
    progress: int | None = None
    detail: str = ""
    changed: float | None = None
    found: Mapping[str, Any] | None = None


class Outcome(StrEnum):
    """Why a wait ended."""

    OVER = "over"
    """The work reached an end state."""
    DEADLINE = "deadline"
    """The task's execution timeout passed."""
    QUEUE_LIMIT = "queue_limit"
    """It waited for resources longer than the task allows."""
    STALLED = "stalled"
    """It ran without any sign of progress for longer than the task allows."""
    REFUSED = "refused"
    """The remote system refuses to say how it stands."""
