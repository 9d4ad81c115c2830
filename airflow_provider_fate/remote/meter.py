"""The CPU time of one coroutine among the thousands of an event loop, and a limit for it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Generator
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

SHARE = 0.05
"""Share of a core that may be used for long."""
BURST = 0.5
"""CPU seconds that may be used at once: imports, the first look, many jobs that end together."""
LONGEST = 30.0
"""Longest pause in seconds; what would need a longer one is forgiven, because it was an exception."""


class Meter:
    """Adds up the CPU seconds of what is awaited through it; what others do in between does not count."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def of(self, work: Awaitable[T]) -> T:
        """Await ``work`` and count its steps. What it hands to other tasks has to come here by itself."""
        return await _Metered(work, self)


class _Metered(Awaitable[T]):
    def __init__(self, work: Awaitable[T], meter: Meter) -> None:
        self._work = work
        self._meter = meter

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._work.__await__()
        step = partial(next, steps)
        while True:
            began = time.thread_time()
            try:
                awaited = step()
            except StopIteration as end:
                result: T = end.value
                return result
            finally:
                self._meter.seconds += time.thread_time() - began
            try:
                yield awaited
            except BaseException as error:  # a cancellation, which is the work's to handle
                step = partial(steps.throw, error)
            else:
                step = partial(next, steps)


class Allowance:
    """Keeps repeated work below a share of a core by saying how long to pause.

    :param share: of a core, in the long run.
    :param burst: CPU seconds beyond it that cause no pause.
    """

    def __init__(self, share: float = SHARE, burst: float = BURST) -> None:
        self.share = share
        self.burst = burst
        self._debt = 0.0
        self._at = 0.0

    def spend(self, seconds: float, now: float) -> None:
        """Count CPU seconds that were used until ``now``, a time of a clock that does not go back."""
        self._debt = max(0.0, self._debt - self.share * (now - self._at)) + seconds
        self._debt = min(self._debt, self.burst + self.share * LONGEST)
        self._at = now

    @property
    def pause(self) -> float:
        """Seconds until more may be used."""
        return max(0.0, (self._debt - self.burst) / self.share)
