"""One question per remote system and interval, however many tasks wait for an answer.

All triggers of one triggerer share an event loop. The first that waits for work on a connection starts the poller of
that connection, the last one stops it. A remote system that cannot be asked is an observation too: it fails no waiting
task, the poller asks again with growing pauses.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import ClassVar, Generic, Self, TypeVar

from airflow_provider_fate.errors import FateError, is_transient
from airflow_provider_fate.remote import telemetry
from airflow_provider_fate.remote.limits import pace
from airflow_provider_fate.remote.meter import Allowance, Meter

T = TypeVar("T")

log = logging.getLogger(__name__)

LONGEST_PAUSE = 60.0
"""Longest pause in seconds while the remote system cannot be asked."""


REPEATS = 3
"""So often is the same observation told before it counts as old: what it changed elsewhere may show a look later."""
AT_ONCE = 20
"""So many are woken in one turn of the event loop: what each does then would block it if thousands did it in a row."""
REMIND = 15.0
"""Seconds, about, after which an old observation is told again: a wait has to look for signs of progress, too."""


class Wait(Generic[T]):
    """One subscription: the newest observation, and a signal that it changed. Thousands live at a time.

    :param poller: the poller that looks.
    :param key: the piece of work.
    """

    __slots__ = ("_key", "_news", "_poller", "_remind_at", "_repeats", "_signal", "_told", "since")

    def __init__(self, poller: SharedPoller[T], key: str) -> None:
        self._poller = poller
        self._key = key
        self._news: tuple[T | FateError] | None = None
        self._signal: asyncio.Future[None] | None = None
        self._told: T | FateError | None = None
        self._repeats = 0
        self._remind_at = 0.0
        self.since = time.monotonic()

    def leave(self) -> None:
        """End the subscription."""
        self._poller._leave(self._key, self)

    def tell(self, observation: T | FateError) -> None:
        """Take an observation."""
        self._news = (observation,)  # only the newest counts: a slow reader must not pile up old ones
        self._repeats = self._repeats + 1 if observation == self._told else 0
        self._told = observation
        # Spread, so that those who came together do not wake up together for ever.
        self._remind_at = time.monotonic() + REMIND * random.uniform(0.6, 1.2)  # noqa: S311
        if self._signal is not None and not self._signal.done():
            self._signal.set_result(None)

    def knows(self, observation: T, now: float) -> bool:
        """Whether it has been told this often and not long ago."""
        return self._repeats >= REPEATS and now < self._remind_at and observation == self._told

    async def next(self) -> T:
        """Wait for an observation that was not given yet; one that is missed is replaced by the next.

        :raises FateError: the remote system could not be asked.
        """
        while self._news is None:
            self._signal = asyncio.get_running_loop().create_future()
            try:
                await self._signal
            finally:
                self._signal = None
        (observation,), self._news = self._news, None
        if isinstance(observation, FateError):
            raise observation
        return observation


class SharedPoller(ABC, Generic[T]):
    """Looks at all work of one connection that somebody waits for.

    :param conn_id: Airflow connection of the remote system.
    :param interval: shortest pause in seconds between two looks.
    """

    _running: ClassVar[
        weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[type, str], SharedPoller[object]]]
    ] = weakref.WeakKeyDictionary()

    def __init__(self, conn_id: str, interval: float) -> None:
        self.conn_id = conn_id
        self.interval = interval
        self._waits: dict[str, tuple[Wait[T], ...]] = {}
        self._task: asyncio.Task[None] | None = None
        self._newcomer = asyncio.Event()
        self.meter = Meter()
        self._allowance = Allowance()

    @classmethod
    def shared(cls, conn_id: str, interval: float) -> Self:
        """The poller of this connection in the running event loop."""
        pollers = SharedPoller._running.setdefault(asyncio.get_running_loop(), {})
        poller = pollers.get((cls, conn_id))
        if poller is None:
            poller = pollers[(cls, conn_id)] = cls(conn_id, interval)  # type: ignore[assignment]
        assert isinstance(poller, cls)
        return poller

    @abstractmethod
    async def look(self, keys: Collection[str]) -> Mapping[str, T]:
        """Ask the remote system about this work; every key must be answered.

        Work that it hands to other tasks goes through :attr:`meter`, so that its cost is known.

        :raises FateError: it could not be asked.
        """

    def is_idle(self, observation: T) -> bool:
        """Whether nobody has to hear of this observation again and again; waking thousands for nothing costs most.

        An observation that only counts after several looks is not.
        """
        return False

    async def close(self) -> None:
        """Give back what :meth:`look` has opened; called when nobody waits any more, and after an error."""

    def watch(self, key: str) -> Wait[T]:
        """Subscribe to one piece of work."""
        wait: Wait[T] = Wait(self, key)
        self._waits[key] = (*self._waits.get(key, ()), wait)
        self._newcomer.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"{type(self).__name__}[{self.conn_id}]")
        return wait

    def _leave(self, key: str, wait: Wait[T]) -> None:
        if others := tuple(w for w in self._waits.get(key, ()) if w is not wait):
            self._waits[key] = others
        else:
            self._waits.pop(key, None)
        if not self._waits and self._task is not None:
            self._task.cancel()
            self._task = None

    def _tell(self, key: str, observation: T | FateError) -> None:
        for wait in self._waits.get(key, ()):
            wait.tell(observation)

    async def _tell_all(self, keys: Collection[str], error: FateError) -> None:
        for told, key in enumerate(keys, 1):
            self._tell(key, error)
            if told % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _tell_seen(self, seen: Mapping[str, T]) -> None:
        now = time.monotonic()
        told = 0
        for key, observation in seen.items():
            idle = self.is_idle(observation)
            for wait in self._waits.get(key, ()):
                if idle and wait.knows(observation, now):
                    continue
                wait.tell(observation)
                told += 1
                if told % AT_ONCE == 0:
                    await asyncio.sleep(0)

    async def _run(self) -> None:
        failures = 0
        try:
            while True:
                failures = await self._turn(failures)
                await self._rest(self._pause(failures))
        finally:
            await self.close()

    async def _turn(self, failures: int) -> int:
        """Look once and tell; whatever goes wrong is told, too, and never ends the looking: waits would hang for ever.

        :param failures: how often, weighted by their gravity, it has gone wrong in a row.
        :returns: the same after this look.
        """
        self._newcomer.clear()
        keys = list(self._waits)
        self.meter.seconds = 0.0
        try:
            seen = await self.meter.of(self.look(keys))
            telemetry.count("polled", self.conn_id)
            telemetry.gauge("waiting", len(keys), self.conn_id)
            await self.meter.of(self._tell_seen(seen))
            failures = 0
        except Exception as e:
            if isinstance(e, FateError):
                error = e
            else:
                log.exception("Connection %s cannot be asked", self.conn_id)
                error = FateError(f"{self.conn_id} cannot be asked: {e!r}")
            failures += 1 if is_transient(error) else 3
            await self._tell_all(keys, error)
            with contextlib.suppress(Exception):
                telemetry.count("poll_failed", self.conn_id)
                await self.close()
        self._allowance.spend(self.meter.seconds, time.monotonic())
        return failures

    async def _rest(self, pause: float) -> None:
        """Sleep, but not longer than need be when somebody new has begun to wait."""
        least = min(pause, max(self.interval, self._allowance.pause))
        await asyncio.sleep(least)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._newcomer.wait(), max(0.0, pause - least))

    def _pause(self, failures: int) -> float:
        if failures:
            pause = min(LONGEST_PAUSE, self.interval * float(2 ** min(failures, 6)))
        else:
            youngest = max((w.since for waits in self._waits.values() for w in waits), default=0.0)
            pause = pace(time.monotonic() - youngest, self.interval, self._allowance.pause)
        jitter = random.uniform(0.9, 1.1)  # noqa: S311 - many triggerers must not march in step
        return pause * jitter
