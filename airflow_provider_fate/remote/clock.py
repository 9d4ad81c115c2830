"""The clock of those that wait; tests give them one that they turn themselves."""

from __future__ import annotations

import time

__all__ = ["SYSTEM_CLOCK", "Clock"]


class Clock:
    """The machine's clock."""

    def time(self) -> float:
        """Unix time in seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of a clock that does not go back."""
        return time.monotonic()


SYSTEM_CLOCK = Clock()
