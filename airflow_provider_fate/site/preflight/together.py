"""Checks beside each other: each has a few seconds, and none waits for another that does not end."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable

from airflow_provider_fate.errors import FateError
from airflow_provider_fate.site.preflight.check import CheckResult, PreflightCheck, of_error, warned

__all__ = ["Unit", "together"]

log = logging.getLogger(__name__)

AT_ONCE = 8
"""So many questions at once: FATE-Flow answers each in a thread of its own."""
LATE = "Try again, or give it more time: the site may be overloaded, or something on the way drops what is sent."

Unit = tuple[str, Callable[[], Iterable[PreflightCheck]]]
"""A name, and what makes the checks of it, one after the other."""


def together(units: Iterable[Unit], timeout: float, otherwise: CheckResult = CheckResult.WARN) -> list[PreflightCheck]:
    """Run units beside each other, and give what they have found in their order.

    In threads that nobody waits for: the name of a host that no server knows is looked up for longer than any limit.

    :param timeout: seconds for all of them.
    :param otherwise: what a check is that has found nothing in time.
    """
    asked = list(units)
    waiting: queue.SimpleQueue[tuple[int, Unit]] = queue.SimpleQueue()
    found: queue.SimpleQueue[tuple[int, list[PreflightCheck]]] = queue.SimpleQueue()
    for numbered in enumerate(asked):
        waiting.put(numbered)
    over = threading.Event()
    for _ in range(min(AT_ONCE, len(asked))):
        threading.Thread(target=_work, args=(waiting, found, over), name="preflight", daemon=True).start()
    results = _until(time.monotonic() + timeout, found, len(asked))
    over.set()
    late = f"there was no answer within {timeout:g} s"
    return [
        check
        for number, (name, _) in enumerate(asked)
        for check in results.get(number, [PreflightCheck(name, otherwise, late, LATE)])
    ]


def _until(
    deadline: float, found: queue.SimpleQueue[tuple[int, list[PreflightCheck]]], expected: int
) -> dict[int, list[PreflightCheck]]:
    results: dict[int, list[PreflightCheck]] = {}
    while len(results) < expected and (left := deadline - time.monotonic()) > 0:
        try:
            number, checks = found.get(timeout=left)
        except queue.Empty:
            break
        results[number] = checks
    return results


def _work(
    waiting: queue.SimpleQueue[tuple[int, Unit]],
    found: queue.SimpleQueue[tuple[int, list[PreflightCheck]]],
    over: threading.Event,
) -> None:
    while not over.is_set():
        try:
            number, (name, make) = waiting.get_nowait()
        except queue.Empty:
            return
        found.put((number, _made(name, make, over)))


def _made(name: str, make: Callable[[], Iterable[PreflightCheck]], over: threading.Event) -> list[PreflightCheck]:
    done: list[PreflightCheck] = []
    try:
        for check in make():
            done.append(check)
    except FateError as error:
        done.append(of_error(name, error, CheckResult.WARN))
    except Exception as error:  # a check that is broken itself must not hide what the others have found
        if not over.is_set():  # the client is closed then
            log.exception("Check %s is broken", name)
        done.append(warned(name, f"the check itself has failed: {type(error).__name__}", "Report it with the log."))
    return done
