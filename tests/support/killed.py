"""A process that dies after one of its requests, as far as a test can do that to itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from airflow_provider_fate.clients.http import SyncTransport


class Killed(BaseException):
    """kill -9, as far as a process can do it to itself: nothing that handles errors handles this."""


@contextmanager
def killed(monkeypatch: pytest.MonkeyPatch, at: int) -> Iterator[list[int]]:
    """Let the process die after its n-th request; gives a list with the number of requests."""
    exchange = SyncTransport._exchange
    seen = [0]

    def dying(self: SyncTransport, *arguments: Any) -> Any:
        seen[0] += 1
        answer = exchange(self, *arguments)
        if seen[0] == at:
            raise Killed
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(SyncTransport, "_exchange", dying)
        yield seen
