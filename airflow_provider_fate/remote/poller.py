"""One question per remote system and interval, however many tasks wait for an answer.

All triggers of one triggerer share an event loop. The first that waits for work which one question can answer (see
:meth:`~.work.WorkKind.question`) starts a poller, the last one stops it. A remote system that cannot be asked is an
observation too: it fails no waiting task, the poller asks again with growing pauses.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import weakref
from collections.abc import Collection, Hashable, Mapping
from typing import Any, ClassVar, Generic

from airflow_provider_fate.errors import FateError, is_transient
from airflow_provider_fate.remote import telemetry
from airflow_provider_fate.remote.clock import SYSTEM_CLOCK, Clock
from airflow_provider_fate.remote.limits import pace
from airflow_provider_fate.remote.meter import Allowance
from airflow_provider_fate.remote.states import Snapshot
from airflow_provider_fate.remote.work import RefT, WorkKind

log = logging.getLogger(__name__)

LONGEST_PAUSE = 60.0
"""Longest pause in seconds while the remote system cannot be asked."""


REPEATS = 3
"""So often is the same observation told before it counts as old: what it changed elsewhere may show a look later."""
AT_ONCE = 20
"""So many are woken in one turn of the event loop: what each does then would block it if thousands did it in a row."""
REMIND = 15.0
"""Seconds, about, after which an old observation is told again: a wait has to look for signs of progress, too."""
EARLY = 0.9
"""A subject is due after this part of its interval: the poller's own pauses vary by a tenth."""
TICK = 1.0
"""Longest pause in seconds where each subject is asked for at its own interval: newcomers must not wait for others."""


class Wait(Generic[RefT]):
    """One subscription: the newest observation, and a signal that it changed. Thousands live at a time.

    :param poller: the poller that looks.
    :param ref: the piece of work.
    :param interval: shortest pause in seconds between two looks.
    """

    __slots__ = ("_news", "_poller", "_remind_at", "_repeats", "_signal", "_told", "interval", "ref", "since")

    def __init__(self, poller: SharedPoller[RefT], ref: RefT, interval: float) -> None:
        self._poller = poller
        self.ref = ref
        self.interval = interval
        self._news: tuple[Snapshot | FateError] | None = None
        self._signal: asyncio.Future[None] | None = None
        self._told: Snapshot | FateError | None = None
        self._repeats = 0
        self._remind_at = 0.0
        self.since = self._poller.clock.monotonic()

    def leave(self) -> None:
        """End the subscription."""
        self._poller._leave(self)

    def tell(self, observation: Snapshot | FateError) -> None:
        """Take an observation."""
        self._news = (observation,)  # only the newest counts: a slow reader must not pile up old ones
        self._repeats = self._repeats + 1 if observation == self._told else 0
        self._told = observation
        # Spread, so that those who came together do not wake up together for ever.
        self._remind_at = self._poller.clock.monotonic() + REMIND * random.uniform(0.6, 1.2)  # noqa: S311
        if self._signal is not None and not self._signal.done():
            self._signal.set_result(None)

    def knows(self, observation: Snapshot, now: float) -> bool:
        """Whether it has been told this often and not long ago."""
        return self._repeats >= REPEATS and now < self._remind_at and observation == self._told

    async def next(self) -> Snapshot:
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


class SharedPoller(Generic[RefT]):
    """Looks at all work that somebody waits for and that one question can answer.

    :param kind: what looks; all that wait share it, and its client.
    :param interval: shortest pause in seconds between two looks.
    """

    clock: ClassVar[Clock] = SYSTEM_CLOCK
    _running: ClassVar[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hashable, SharedPoller[Any]]]] = (
        weakref.WeakKeyDictionary()
    )

    def __init__(self, kind: WorkKind[RefT, Any], interval: float) -> None:
        self.kind = kind
        self.interval = interval
        self._waits: dict[str, tuple[Wait[RefT], ...]] = {}
        self._asked: dict[str, float] = {}
        self._seen: dict[str, Snapshot] = {}
        self._task: asyncio.Task[None] | None = None
        self._newcomer = asyncio.Event()
        self._allowance = Allowance()

    @classmethod
    def shared(cls, kind: WorkKind[RefT, Any], ref: RefT, interval: float) -> SharedPoller[RefT]:
        """The poller for this work in the running event loop.

        :param kind: is used if there is no such poller yet.
        """
        pollers = SharedPoller._running.setdefault(asyncio.get_running_loop(), {})
        question = kind.question(ref)
        poller = pollers.get(question)
        if poller is None:
            poller = pollers[question] = cls(kind, interval)
        return poller

    def watch(self, ref: RefT, interval: float | None = None) -> Wait[RefT]:
        """Subscribe to one piece of work.

        :param interval: shortest pause in seconds between two looks at it; of several the most impatient decides.
        """
        wait = Wait(self, ref, self.interval if interval is None else interval)
        self._waits[ref.id] = (*self._waits.get(ref.id, ()), wait)
        self._newcomer.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=f"{type(self.kind).__name__}[{self.kind.conn_id}]")
        return wait

    def _leave(self, wait: Wait[RefT]) -> None:
        key = wait.ref.id
        if others := tuple(w for w in self._waits.get(key, ()) if w is not wait):
            self._waits[key] = others
        else:
            self._waits.pop(key, None)
        if not self._waits and self._task is not None:
            self._task.cancel()
            self._task = None

    # -- looking --------------------------------------------------------------------------------------------------

    async def _look(self) -> Mapping[str, Snapshot]:
        """Look at what is due; of the rest is told what was seen last."""
        refs = {key: waits[0].ref for key, waits in self._waits.items()}
        if self.kind.together:
            self.interval = min((w.interval for waits in self._waits.values() for w in waits), default=self.interval)
            return await self.kind.look(list(refs.values()))
        intervals: dict[str, float] = {}
        for waits in self._waits.values():
            for wait in waits:
                subject = self.kind.subject(wait.ref)
                intervals[subject] = min(wait.interval, intervals.get(subject, wait.interval))
        self.interval = min((TICK, *intervals.values()))
        now = self.clock.monotonic()
        due = {s for s, every in intervals.items() if s not in self._asked or now - self._asked[s] >= EARLY * every}
        due |= {self.kind.subject(ref) for key, ref in refs.items() if key not in self._seen}
        wanted = [ref for ref in refs.values() if self.kind.subject(ref) in due]
        seen = await self.kind.look(wanted) if wanted else {}
        self._asked = {s: now if s in due else asked for s, asked in self._asked.items() if s in intervals}
        self._asked |= dict.fromkeys(due, now)
        self._seen = {key: snapshot for key, snapshot in self._seen.items() if key in refs} | dict(seen)
        return {key: self._seen[key] for key in refs}

    def _tell(self, key: str, observation: Snapshot | FateError) -> None:
        for wait in self._waits.get(key, ()):
            wait.tell(observation)

    async def _tell_all(self, keys: Collection[str], error: FateError) -> None:
        for told, key in enumerate(keys, 1):
            self._tell(key, error)
            if told % AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _tell_seen(self, seen: Mapping[str, Snapshot]) -> None:
        now = self.clock.monotonic()
        told = 0
        for key, observation in seen.items():
            idle = self.kind.is_idle(observation)
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
            await self.kind.close()

    async def _turn(self, failures: int) -> int:
        """Look once and tell; whatever goes wrong is told, too, and never ends the looking: waits would hang for ever.

        :param failures: how often, weighted by their gravity, it has gone wrong in a row.
        :returns: the same after this look.
        """
        self._newcomer.clear()
        keys = list(self._waits)
        self.kind.meter.seconds = 0.0
        try:
            seen = await self.kind.meter.of(self._look())
            telemetry.count("polled", self.kind.conn_id)
            telemetry.gauge("waiting", len(keys), self.kind.conn_id)
            await self.kind.meter.of(self._tell_seen(seen))
            failures = 0
        except Exception as e:
            if isinstance(e, FateError):
                error = e
            else:
                log.exception("Connection %s cannot be asked", self.kind.conn_id)
                error = FateError(f"{self.kind.conn_id} cannot be asked: {e!r}")
            failures += 1 if is_transient(error) else 3
            await self._tell_all(keys, error)
            with contextlib.suppress(Exception):
                telemetry.count("poll_failed", self.kind.conn_id)
                await self.kind.close()
        self._allowance.spend(self.kind.meter.seconds, self.clock.monotonic())
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
            pause = pace(self.clock.monotonic() - youngest, self.interval, self._allowance.pause)
        jitter = random.uniform(0.9, 1.1)  # noqa: S311 - many triggerers must not march in step
        return pause * jitter
