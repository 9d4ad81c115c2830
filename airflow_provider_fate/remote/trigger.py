"""Waiting for remote work in the triggerer; a subclass only says how to look, how to report and how to stop."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_fate.compat import task_state, trigger_has_on_kill
from airflow_provider_fate.errors import FateError
from airflow_provider_fate.remote import telemetry
from airflow_provider_fate.remote.limits import Limits
from airflow_provider_fate.remote.states import Outcome, Snapshot, WorkState
from airflow_provider_fate.remote.watch import Verdict, Watch

if TYPE_CHECKING:
    from airflow_provider_fate.remote.poller import SharedPoller

T = TypeVar("T")

STOP_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between the attempts to stop work that could not be stopped."""
FIRST_LOOK = 30.0
"""Seconds that the look before a deferral may take."""
FIRST_EVENT = 10.0
"""No wait ends sooner than this many seconds after it has begun in the triggerer. By then the scheduler must have
handled the executor's report that the first part of the task has ended: a task that is queued again before is taken for
one whose process has died, and fails."""
ENDED_BY_USER = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
"""States of a task that does not run again by itself; in all others that end a wait it was cleared."""

_stopping: set[asyncio.Task[None]] = set()
"""Strong references: the event loop keeps only weak ones to its tasks."""


class RemoteWorkTrigger(BaseTrigger):
    """Waits for one piece of remote work.

    An outage of the remote system fails nothing: the wait goes on, says so in the log once, and ends only at its
    limits. All that the resumed task needs is in the event.

    :param conn_id: Airflow connection of the remote system.
    :param work_id: what the remote system calls the work.
    :param ref: everything the operator wants back in the event, as JSON.
    :param deadline: Unix time at which the wait ends (``execution_timeout``); ``None``: never.
    :param queue_deadline: Unix time by which the work must have left the queue; ``None``: never.
    :param stall_after: seconds for which the work may run without a sign of progress; ``None``: for ever.
    :param poll_interval: shortest pause in seconds between two looks.
    :param stop_on_kill: stop the work when a user kills the waiting task; off for work that somebody else started.
    :param stop_on_clear: stop it also when a user clears the task; off where the task takes it up again.
    """

    arguments: ClassVar[tuple[str, ...]] = (
        "conn_id",
        "work_id",
        "ref",
        "deadline",
        "queue_deadline",
        "stall_after",
        "poll_interval",
        "stop_on_kill",
        "stop_on_clear",
    )

    def __init__(
        self,
        *,
        conn_id: str,
        work_id: str,
        ref: dict[str, Any] | None = None,
        deadline: float | None = None,
        queue_deadline: float | None = None,
        stall_after: float | None = None,
        poll_interval: float = 2.0,
        stop_on_kill: bool = True,
        stop_on_clear: bool = True,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.conn_id = conn_id
        self.work_id = work_id
        self.ref = ref or {}
        self.deadline = deadline
        self.queue_deadline = queue_deadline
        self.stall_after = stall_after
        self.poll_interval = poll_interval
        self.stop_on_kill = stop_on_kill
        self.stop_on_clear = stop_on_clear
        self._over = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, from which another triggerer makes the same trigger."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {name: getattr(self, name) for name in self.arguments},
        )

    # -- what a subclass says -------------------------------------------------------------------------------------

    @abstractmethod
    def poller(self) -> SharedPoller[Snapshot]:
        """The shared poller that looks at this kind of work."""

    @abstractmethod
    async def report(self, snapshot: Snapshot) -> None:
        """Tell the task's log what has changed; called for every look."""

    @abstractmethod
    async def pulse(self) -> str:
        """Return a text that changes with every sign of progress of running work; asked for seldom."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop the work; may be called more than once."""

    # -- waiting --------------------------------------------------------------------------------------------------

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire one event (see :meth:`wait`)."""
        began = time.monotonic()
        event = await self.wait()
        self._over = True
        await asyncio.sleep(max(0.0, FIRST_EVENT - (time.monotonic() - began)))
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def wait(self) -> dict[str, Any]:
        """Wait until the work is over, a limit is reached, or the remote system keeps refusing to answer.

        :returns: ``work_id``, ``ref``, ``outcome`` (:class:`Outcome`), ``state`` (:class:`WorkState`), ``detail``, and
            ``error``, the class of a refusal.
        """
        limits = Limits(deadline=self.deadline, queue_deadline=self.queue_deadline, stall_after=self.stall_after)
        began = time.time()
        watch = Watch(limits, began)
        looks = self.poller().watch(self.work_id)
        try:
            while True:
                turn = watch.next_turn()
                try:
                    # Until then at most, so that limits are kept even while the remote system is silent.
                    # (Not wait_for, which would make a task of its own for each of thousands that wait.)
                    async with asyncio.timeout(None if turn is None else max(0.1, turn - time.time())):
                        snapshot = await looks.next()
                except TimeoutError:
                    verdict = watch.passed(time.time()) or await self._feel(watch)
                except FateError as e:
                    verdict = self._note_silence(watch, e)
                else:
                    verdict = await self._note(watch, snapshot)
                if verdict is not None:
                    self._count_end(verdict, time.time() - began)
                    return self._event(verdict)
        finally:
            looks.leave()

    async def success_now(self) -> dict[str, Any] | None:
        """Look once: the event of work that has succeeded already; ``None`` for all that is worth waiting for."""
        looks = self.poller().watch(self.work_id)
        try:
            async with asyncio.timeout(FIRST_LOOK):
                snapshot = await looks.next()
        except (FateError, TimeoutError):
            return None
        finally:
            looks.leave()
        if snapshot.state is not WorkState.SUCCEEDED:
            return None
        await self._quietly("report", self.report(snapshot))
        return self._event(Verdict(Outcome.OVER, snapshot))

    async def _note(self, watch: Watch, snapshot: Snapshot) -> Verdict | None:
        silent_since = watch.silent_since
        verdict = watch.see(snapshot, time.time())
        if silent_since is not None:
            self.log.info("%s answers again after %.0f s", self.conn_id, time.time() - silent_since)
        if watch.last == snapshot:  # not one that is only unknown for a moment
            await self._quietly("report", self.report(snapshot))
        return verdict or await self._feel(watch)

    async def _feel(self, watch: Watch) -> Verdict | None:
        if not watch.wants_pulse(time.time()):
            return None
        pulse = await self._quietly("pulse", self.pulse())
        return None if pulse is None else watch.feel(pulse, time.time())

    def _note_silence(self, watch: Watch, error: FateError) -> Verdict | None:
        if watch.silent_since is None:
            self.log.warning("%s cannot be asked; waiting goes on: %s", self.conn_id, error)
        return watch.miss(error, time.time())

    async def _quietly(self, what: str, call: Awaitable[T]) -> T | None:
        """Do without what the wait does not depend on, where it cannot be had."""
        try:
            return await call
        except Exception as e:
            self.log.warning("No %s of %s: %r", what, self.work_id, e)
            return None

    def _count_end(self, verdict: Verdict, seconds: float) -> None:
        tags = {"outcome": verdict.outcome.value, "state": verdict.snapshot.state.value}
        telemetry.count("ended", self.conn_id, **tags)
        telemetry.timing("wait", seconds, self.conn_id, **tags)

    def _event(self, verdict: Verdict) -> dict[str, Any]:
        error = verdict.error
        return {
            "work_id": self.work_id,
            "ref": self.ref,
            "outcome": verdict.outcome.value,
            "state": verdict.snapshot.state.value,
            "detail": verdict.snapshot.detail if error is None else str(error),
            "error": None if error is None else type(error).__name__,
        }

    # -- kills ----------------------------------------------------------------------------------------------------

    async def on_kill(self) -> None:
        """Stop the work because a user killed the deferred task (Airflow >= 3.3).

        Airflow 3.3 cancels this coroutine about once a second while it runs, and swallows the cancellation: the work
        is done in a task of its own, which is only waited for.
        """
        await self._stop_in_background()

    async def cleanup(self) -> None:
        """Stop the work on Airflow < 3.3, which tells a kill and a restart apart only by the task's state."""
        if not self._over and not trigger_has_on_kill():
            await self._stop_in_background()

    async def _stop_in_background(self) -> None:
        if not self.stop_on_kill:
            return
        task = asyncio.create_task(self._stop_if_killed(), name=f"stop[{self.work_id}]")
        _stopping.add(task)
        task.add_done_callback(_stopping.discard)
        await asyncio.shield(task)

    async def _stop_if_killed(self) -> None:
        """Stop the work, unless the task still waits for it.

        Airflow calls ``on_kill`` also when it only moves the trigger to another triggerer; then the task is still
        deferred. After a clear the new try may be deferred already, too: it has stopped the old work by itself.
        """
        ti = self.task_instance
        if ti is None:
            return
        try:
            state = await asyncio.wait_for(task_state(ti.dag_id, ti.run_id, ti.task_id, ti.map_index), 60)
        except Exception as e:
            self.log.warning("State of the task is unknown (%r): %s is left alone", e, self.work_id)
            return
        if state == "deferred":
            self.log.info("The task is still deferred: %s goes on", self.work_id)
            return
        if state not in ENDED_BY_USER and not self.stop_on_clear:
            self.log.info("The task was cleared and takes %s up again", self.work_id)
            return
        self.log.info("The task is %s: stopping %s", state, self.work_id)
        await self.stop_persistently()

    async def stop_persistently(self) -> None:
        """Stop the work; where that fails, try again for half a minute (:data:`STOP_PAUSES`).

        :raises FateError: it could not be stopped.
        """
        for pause in (*STOP_PAUSES, None):
            try:
                await self.stop()
            except FateError as e:
                self.log.warning("Stopping %s failed: %s", self.work_id, e)
                if pause is None:
                    raise
                await asyncio.sleep(pause)
            else:
                telemetry.count("stopped", self.conn_id)
                self.log.info("Stopped %s", self.work_id)
                return
