"""Time limits as points in time, so that they survive deferral, restarts and retries of the waiting."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

YOUNG = 60.0
"""Seconds for which work is looked at as often as allowed: most failures show early."""
SLOWEST = 15.0
"""Longest pause in seconds between two looks that cost little."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a wait has to end whatever the work does; times are Unix times in seconds, ``None``: no limit.

    :param deadline: end of the task's ``execution_timeout``, counted from the start of the try.
    :param queue_deadline: until then the work must have left the queue.
    :param stall_after: seconds for which work may run without any sign of progress. A duration, because it begins anew
        with each sign; the count starts again where the wait itself does, say in another triggerer.
    """

    deadline: float | None = None
    queue_deadline: float | None = None
    stall_after: float | None = None

    @classmethod
    def of(
        cls,
        *,
        started: datetime | None,
        execution_timeout: timedelta | None,
        waiting_timeout: timedelta | None,
        stall_timeout: timedelta | None = None,
    ) -> Limits:
        """Turn a task's durations into points in time.

        :param started: start of this try; ``None``: now.
        """
        begin = started.timestamp() if started is not None else time.time()
        return cls(
            deadline=None if execution_timeout is None else begin + execution_timeout.total_seconds(),
            queue_deadline=None if waiting_timeout is None else time.time() + waiting_timeout.total_seconds(),
            stall_after=None if stall_timeout is None else stall_timeout.total_seconds(),
        )


def pace(age: float, shortest: float, least: float = 0.0) -> float:
    """Seconds until the next look at work of this age: often when young, seldom when it takes hours anyway.

    :param age: seconds since the youngest wait began.
    :param shortest: seconds that lie between two looks at least.
    :param least: likewise, because of what looks cost; may be longer than :data:`SLOWEST`.
    """
    return max(shortest, min(SLOWEST, shortest + (age - YOUNG) / 60.0), least)
