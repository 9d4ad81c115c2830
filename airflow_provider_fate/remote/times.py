"""How long the life cycle waits for what, in one place; tests replace it as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

__all__ = ["Times", "times", "times_replaced"]


@dataclass(frozen=True)
class Times:
    """Time constants of the life cycle, in seconds where nothing else is said.

    :param reach: a remote system that refuses connections is tried again for so long before a search or submit fails.
    :param appear: work whose submit was answered with a timeout shows up within this time, if it exists at all.
    :param create: work that is being created must be there for good, or have come to nothing, within this time:
        FATE-Flow asks a partner that does not answer three times, for 30 s each.
    :param appear_pause: between two searches for it.
    :param stop: stopped work must have ended within this time, where a worker or the triggerer waits for it.
    :param stop_abandoned: likewise where nobody waits: as long as a server may take to be replaced.
    :param stop_pause: after the first order to stop that had no effect; doubles with each, up to ``longest_pause``.
    :param longest_pause: between two orders to stop, or two searches.
    :param settle: a bad end is read again after this time: FATE-Flow shows ``failed`` first where it ends as
        ``canceled``.
    :param unseen: a bad end counts after this time although it could not be read again.
    :param first_event: no wait ends sooner than this after it has begun in the triggerer. The executor's report that
        the first part of the task has ended must have been handled by then: a task that is queued again before is
        taken by the scheduler for one whose process has died.
    :param explain_queue: work in a queue says what it waits for after this time, and then at pauses that double.
    :param rerun: work that is run again must have left its old end state within this time.
    :param rerun_after_stop: between a stop and a rerun: one that overtakes the scheduler of FATE-Flow takes the stop
        back for good.
    :param rerun_pause: between two looks at it.
    """

    reach: float = 120.0
    appear: float = 45.0
    create: float = 120.0
    appear_pause: float = 3.0
    stop: float = 60.0
    stop_abandoned: float = 15 * 60.0
    stop_pause: float = 1.0
    longest_pause: float = 30.0
    settle: float = 5.0
    unseen: float = 60.0
    first_event: float = 10.0
    explain_queue: float = 30.0
    rerun: float = 60.0
    rerun_after_stop: float = 6.0
    rerun_pause: float = 0.5


_current = Times()


def times() -> Times:
    """Return the time constants that are in force."""
    return _current


@contextmanager
def times_replaced(**changes: float) -> Iterator[Times]:
    """Put others in force, for all threads and event loops of the process."""
    global _current
    before, _current = _current, replace(_current, **changes)
    try:
        yield _current
    finally:
        _current = before
