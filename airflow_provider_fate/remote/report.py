"""What a task's log says while work goes on: one line per change, never per look."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_fate.remote.states import Snapshot

__all__ = ["Reporter"]


class Reporter:
    """Remembers what was said; one for each wait.

    :param name: what the work is called.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.last: Snapshot | None = None

    async def news(self, kind: Any, snapshot: Snapshot, now: float) -> AsyncIterator[str]:
        """Lines for what has changed since the last look.

        :param kind: the kind of the work, to ask for more.
        :param now: Unix time.
        """
        if self.last is None or (snapshot.state, snapshot.detail) != (self.last.state, self.last.detail):
            yield f"{self.name}: {snapshot.detail or snapshot.state.value}"
        self.last = snapshot
