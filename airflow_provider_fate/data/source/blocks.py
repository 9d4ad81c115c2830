"""A file of an object store, read from front to back while the next blocks are under way."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

__all__ = ["BlockReader"]


class BlockReader(io.RawIOBase):
    """Asks for a block and, at the same time, for those that follow: each takes a while to come.

    Blocks before the one that is read are forgotten, so going back far costs a request.

    :param fetch: gives the bytes from one position to another; is called by several threads.
    :param size: bytes of the file.
    :param block: bytes that are asked for at once.
    :param ahead: how many blocks may be under way, or wait, besides the one that is read.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, block: int, ahead: int) -> None:
        super().__init__()
        self._fetch = fetch
        self._size = size
        self._block = block
        self._ahead = ahead
        self._position = 0
        self._blocks: dict[int, Future[bytes]] = {}
        self._threads = ThreadPoolExecutor(ahead + 1, thread_name_prefix="fate-blocks")

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
            index, begin = divmod(self._position, self._block)
            piece = self._take(index)[begin : begin + wanted]
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

    def close(self) -> None:
        """Ask for no more."""
        if not self.closed:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._blocks.clear()
        super().close()

    def _take(self, index: int) -> bytes:
        for other in [other for other in self._blocks if not index <= other <= index + self._ahead]:
            self._blocks.pop(other).cancel()
        for other in range(index, index + self._ahead + 1):
            begin = other * self._block
            if other not in self._blocks and begin < self._size:
                end = min(begin + self._block, self._size)
                self._blocks[other] = self._threads.submit(self._fetch, begin, end)
        try:
            return self._blocks[index].result()
        except BaseException:
            del self._blocks[index]  # so that reading it again asks again
            raise
