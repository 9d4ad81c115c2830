"""Work that is done in threads of its own before it is asked for."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_thread", "in_threads"]

T = TypeVar("T")
R = TypeVar("R")

_END = object()


def in_thread(items: Iterator[T], ahead: int) -> Generator[T, None, None]:
    """Yield the same items, and raise the same error.

    The thread starts with the first item that is asked for. It alone uses ``items``, from beginning to end, and has
    ended when the generator returned here is closed.

    :param items: is closed if it is a generator.
    :param ahead: how many items may wait.
    """
    waiting: queue.Queue[object] = queue.Queue(ahead)
    gone = threading.Event()

    def put(item: object) -> bool:
        while not gone.is_set():
            try:
                waiting.put(item, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            try:
                for item in items:
                    if not put(item):
                        return
            finally:
                if isinstance(items, Generator):
                    items.close()
            put(_END)
        except BaseException as error:  # raised again where the items are used
            put(error)

    worker = threading.Thread(target=work, name="fate-table-stream", daemon=True)
    worker.start()
    try:
        while (item := waiting.get()) is not _END:
            if isinstance(item, BaseException):
                raise item
            yield item  # type: ignore[misc]
    finally:
        gone.set()
        worker.join()


def in_threads(
    function: Callable[[T], R], items: Iterator[T], threads: int
) -> Generator[tuple[T, Callable[[], R]], None, None]:
    """Call a function with each item, several at a time; yield each item and what gives its result, in order.

    :param threads: how many calls go on at the same time.
    """
    waiting: deque[tuple[T, Future[R]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="fate-table-stream") as pool:
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) == threads:
                first, future = waiting.popleft()
                yield first, future.result
        for first, future in waiting:
            yield first, future.result
