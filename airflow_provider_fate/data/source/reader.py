"""A file of an object store as Arrow wants to read it."""

from __future__ import annotations

import io
from abc import abstractmethod

__all__ = ["RemoteReader"]


class RemoteReader(io.RawIOBase):
    """Keeps a position; where bytes come from is for a subclass to say.

    :param size: bytes of the file.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self._position = 0

    @abstractmethod
    def _some(self, size: int) -> bytes:
        """Return at most so many bytes from the position on, and at least one."""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, but going back may cost a request."""
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
            if not piece:
                raise OSError("the file has become shorter while it was read")
            pieces.append(piece)
            self._position += len(piece)
            wanted -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Read into memory that is there."""
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)
