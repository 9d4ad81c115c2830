"""A file of an object store, read by one request from front to back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

from airflow_provider_fate.data.source.reader import RemoteReader

__all__ = ["Body", "StreamReader"]

log = logging.getLogger(__name__)

_KEPT = 2 * 1024 * 1024
"""So much of the beginning is kept: formats are told by it, and it is read again."""
_TRIES = 5
"""Requests in a row that may end without a byte, after the first."""


class Body(Protocol):
    """What a request gives: bytes in order."""

    def read(self, size: int, /) -> bytes: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


class StreamReader(RemoteReader):
    """Reads on where a request breaks off, with a new one.

    Going back is free within the first 2 MiB, and costs a request elsewhere.

    :param open_at: begins a request at a position; refuses if the file is another one by now.
    :param size: bytes of the file.
    :param broken: errors of a request that another one may be spared.
    """

    def __init__(self, open_at: Callable[[int], Body], size: int, broken: tuple[type[Exception], ...]) -> None:
        super().__init__(size)
        self._open_at = open_at
        self._broken = broken
        self._start = bytearray()
        self._body: Body | None = None
        self._body_at = 0

    def close(self) -> None:
        """Give up the request."""
        self._give_up()
        super().close()

    def _some(self, size: int) -> bytes:
        if self._position < len(self._start):
            return bytes(self._start[self._position : self._position + size])
        piece = self._fetch(size)
        if self._position == len(self._start) and len(self._start) < _KEPT:
            self._start += piece[: _KEPT - len(self._start)]
        return piece

    def _fetch(self, size: int) -> bytes:
        reason = ""
        for failed in range(_TRIES + 1):
            try:
                if self._body is None or self._body_at != self._position:
                    self._give_up()
                    self._body, self._body_at = self._open_at(self._position), self._position
                if piece := self._body.read(size):
                    self._body_at += len(piece)
                    return piece
                reason = "the answer ended early"
            except self._broken as error:
                reason = str(error) or type(error).__name__
            self._give_up()
            if failed < _TRIES:
                pause = min(0.5 * 2**failed, 8.0)
                log.warning("Reading broke off at byte %d: %s (again in %.1f s)", self._position, reason, pause)
                time.sleep(pause)
        raise OSError(f"reading broke off at byte {self._position:,} again and again: {reason}")

    def _give_up(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
