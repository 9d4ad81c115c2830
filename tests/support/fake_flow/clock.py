"""Time as the fake server sees it."""

from __future__ import annotations

import time


class Clock:
    """The real time, until a test takes hold of it with ``freeze`` or ``advance``."""

    def __init__(self) -> None:
        self._held: float | None = None

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time() if self._held is None else self._held

    def millis(self) -> int:
        """Return milliseconds since the epoch, as FATE-Flow writes moments."""
        return round(self.now() * 1000)

    def freeze(self) -> None:
        """Stop the time; from now on only ``advance`` moves it."""
        self._held = self.now()

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once."""
        self._held = self.now() + seconds
