"""A file of an object store, read by one request from front to back."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable
from typing import Protocol

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


class StreamReader(io.RawIOBase):
    """Reads on where a request breaks off, with a new one.

    Going back is free within the first 2 MiB, and costs a request elsewhere.

    :param open_at: begins a request at a position; refuses if the file is another one by now.
    :param size: bytes of the file.
    :param broken: errors of a request that another one may be spared.
    """

    def __init__(self, open_at: Callable[[int], Body], size: int, broken: tuple[type[Exception], ...]) -> None:
        super().__init__()
        self._open_at = open_at
        self._size = size
        self._broken = broken
        self._start = bytearray()
        self._position = 0
        self._body: Body | None = None
        self._body_at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position."""
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and give fewer bytes than wanted only at the end of the file."""
        left = self._size - self._position
        wanted = left if size is None or size < 0 else min(size, left)
        pieces = []
        while wanted > 0:
            piece = self._some(wanted)
            pieces.append(piece)
            self._position += len(piece)
            wanted -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Read into memory that is there."""
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

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
