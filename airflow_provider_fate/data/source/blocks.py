"""Files of an object store: read from front to back while the next blocks are under way, or piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from airflow_provider_fate.data.source.reader import RemoteReader

__all__ = ["BlockReader", "PieceReader"]


_READ_AHEAD = 1024 * 1024


class PieceReader(RemoteReader):
    """Asks for what is wanted, when it is wanted: for files that are read out of order.

    Where reading goes on from where it ended, it asks for 1 MiB at least, and keeps what is not wanted yet.

    :param fetch: gives the bytes from one position to another.
    :param size: bytes of the file.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        super().__init__(size)
        self._fetch = fetch
        self._piece = b""
        self._begin = 0
        self._end = -1  # of what was read last

    def _some(self, size: int) -> bytes:
        if not self._begin <= self._position < self._begin + len(self._piece):
            ahead = max(size, _READ_AHEAD if self._position == self._end else 0)
            self._piece = self._fetch(self._position, min(self._position + ahead, self._size))
            self._begin = self._position
        begin = self._position - self._begin
        piece = self._piece[begin : begin + size]
        self._end = self._position + len(piece)
        return piece


class BlockReader(RemoteReader):
    """Asks for a block and, at the same time, for those that follow: each takes a while to come.

    Blocks before the one that is read are forgotten, so going back far costs a request.

    :param fetch: gives the bytes from one position to another; is called by several threads.
    :param size: bytes of the file.
    :param block: bytes that are asked for at once.
    :param ahead: how many blocks may be under way, or wait, besides the one that is read.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, block: int, ahead: int) -> None:
        super().__init__(size)
        self._fetch = fetch
        self._block = block
        self._ahead = ahead
        self._blocks: dict[int, Future[bytes]] = {}
        self._threads = ThreadPoolExecutor(ahead + 1, thread_name_prefix="fate-blocks")

    def _some(self, size: int) -> bytes:
        index, begin = divmod(self._position, self._block)
        return self._take(index)[begin : begin + size]

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
