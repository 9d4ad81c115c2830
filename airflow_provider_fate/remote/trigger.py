"""Waiting for remote work of any kind in the triggerer; a worker that waits by itself uses the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any, ClassVar, TypeVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_fate.compat import task_state, trigger_has_on_kill
from airflow_provider_fate.errors import FateError
from airflow_provider_fate.remote import telemetry
from airflow_provider_fate.remote.clock import SYSTEM_CLOCK, Clock
from airflow_provider_fate.remote.event import Event
from airflow_provider_fate.remote.lifecycle import end_work
from airflow_provider_fate.remote.limits import Limits
from airflow_provider_fate.remote.poller import SharedPoller
from airflow_provider_fate.remote.report import Reporter
from airflow_provider_fate.remote.states import Snapshot
from airflow_provider_fate.remote.times import times
from airflow_provider_fate.remote.watch import Verdict, Watch
from airflow_provider_fate.remote.work import Kill, WorkKind, load_kind

__all__ = ["RemoteWorkTrigger"]

T = TypeVar("T")

ENDED_BY_USER = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
"""States of a task that does not run again by itself; in all others that end a wait it was cleared."""

_stopping: set[asyncio.Task[None]] = set()
"""Strong references: the event loop keeps only weak ones to its tasks."""


class RemoteWorkTrigger(BaseTrigger):
    """Waits for one piece of remote work.

    An outage of the remote system fails nothing: the wait goes on, says so in the log once, and ends only at its
    limits. All that the resumed task needs is in the event.

    :param kind: where the class of the work is found, see :meth:`~.work.WorkKind.path`.
    :param conn_id: Airflow connection of the remote system.
    :param ref: the reference to the work, as JSON; says whose it is.
    :param deadline: Unix time at which the wait ends (``execution_timeout``); ``None``: never.
    :param queue_deadline: Unix time by which the work must have left the queue; ``None``: never.
    :param stall_after: seconds for which the work may run without a sign of progress; ``None``: for ever.
    :param poll_interval: shortest pause in seconds between two looks.
    :param stop_on_clear: stop the work also when a user clears the task; off where the task takes it up again.
    """

    clock: ClassVar[Clock] = SYSTEM_CLOCK
    arguments: ClassVar[tuple[str, ...]] = (
        "kind",
        "conn_id",
        "ref",
        "deadline",
        "queue_deadline",
        "stall_after",
        "poll_interval",
        "stop_on_clear",
    )

    def __init__(
        self,
        *,
        kind: str,
        conn_id: str,
        ref: dict[str, Any],
        deadline: float | None = None,
        queue_deadline: float | None = None,
        stall_after: float | None = None,
        poll_interval: float = 2.0,
        stop_on_clear: bool = True,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kind = kind
        self.conn_id = conn_id
        self.ref = ref
        self.deadline = deadline
        self.queue_deadline = queue_deadline
        self.stall_after = stall_after
        self.poll_interval = poll_interval
        self.stop_on_clear = stop_on_clear
        self._over = False

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments, from which another triggerer makes the same trigger."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {name: getattr(self, name) for name in self.arguments},
        )

    def work(self) -> tuple[WorkKind[Any, Any], Any]:
        """The kind of the work at its connection, and the reference.

        :raises LookupError: there is no such kind.
        """
        kind = load_kind(self.kind)
        return kind(self.conn_id), kind.ref_type.from_json(self.ref)

    # -- waiting --------------------------------------------------------------------------------------------------

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire one event (see :meth:`wait`); not so soon that the deferral is not handled yet."""
        began = self.clock.monotonic()
        event = await self.wait()
        self._over = True
        await asyncio.sleep(max(0.0, times().first_event - (self.clock.monotonic() - began)))
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def wait(self) -> dict[str, Any]:
        """Wait until the work is over, a limit is reached, or the remote system keeps refusing to answer.

        :returns: an :class:`~.event.Event` as JSON.
        """
        kind, ref = self.work()
        limits = Limits(deadline=self.deadline, queue_deadline=self.queue_deadline, stall_after=self.stall_after)
        began = self.clock.time()
        watch = Watch(limits, began)
        reporter = kind.reporter(ref)
        poller = SharedPoller.shared(kind, ref, self.poll_interval)
        kind = poller.kind  # which has the client that all share
        looks = poller.watch(ref, self.poll_interval)
        try:
            while True:
                turn = watch.next_turn()
                try:
                    # Until then at most, so that limits are kept even while the remote system is silent.
                    # (Not wait_for, which would make a task of its own for each of thousands that wait.)
                    async with asyncio.timeout(None if turn is None else max(0.1, turn - self.clock.time())):
                        snapshot = await looks.next()
                except TimeoutError:
                    verdict = watch.passed(self.clock.time()) or await self._feel(kind, ref, watch)
                except FateError as e:
                    verdict = self._note_silence(watch, e)
                else:
                    verdict = self._note(watch, snapshot)
                    if watch.last == snapshot:  # not one that is only unknown for a moment
                        await self._quietly("report", self._report(kind, reporter, snapshot))
                    verdict = verdict or await self._feel(kind, ref, watch)
                if verdict is not None:
                    self._count_end(verdict, self.clock.time() - began)
                    return Event.of(ref.id, self.ref, verdict.outcome, verdict.snapshot, verdict.error).to_json()
        finally:
            looks.leave()

    def _note(self, watch: Watch, snapshot: Snapshot) -> Verdict | None:
        silent_since = watch.silent_since
        verdict = watch.see(snapshot, self.clock.time())
        if silent_since is not None:
            self.log.info("%s answers again after %.0f s", self.conn_id, self.clock.time() - silent_since)
        return verdict

    async def _report(self, kind: WorkKind[Any, Any], reporter: Reporter, snapshot: Snapshot) -> None:
        async for line in reporter.news(kind, snapshot, self.clock.time()):
            self.log.info("%s", line)

    async def _feel(self, kind: WorkKind[Any, Any], ref: Any, watch: Watch) -> Verdict | None:
        if not watch.wants_pulse(self.clock.time()):
            return None
        pulse = await self._quietly("pulse", kind.pulse(ref))
        return None if pulse is None else watch.feel(pulse, self.clock.time())

    def _note_silence(self, watch: Watch, error: FateError) -> Verdict | None:
        if watch.silent_since is None:
            self.log.warning("%s cannot be asked; waiting goes on: %s", self.conn_id, error)
        return watch.miss(error, self.clock.time())

    async def _quietly(self, what: str, call: Awaitable[T]) -> T | None:
        """Do without what the wait does not depend on, where it cannot be had."""
        try:
            return await call
        except Exception as e:
            self.log.warning("No %s of the work: %r", what, e)
            return None

    def _count_end(self, verdict: Verdict, seconds: float) -> None:
        tags = {"outcome": verdict.outcome.value, "state": verdict.snapshot.state.value}
        telemetry.count("ended", self.conn_id, **tags)
        telemetry.timing("wait", seconds, self.conn_id, **tags)

    # -- kills ----------------------------------------------------------------------------------------------------

    async def on_kill(self) -> None:
        """Do what a kill means for the work, because a user killed the deferred task (Airflow >= 3.3).

        Airflow 3.3 cancels this coroutine about once a second while it runs, and swallows the cancellation: the work
        is done in a task of its own, which is only waited for.
        """
        await self._stop_in_background()

    async def cleanup(self) -> None:
        """Do the same on Airflow < 3.3, which tells a kill and a restart apart only by the task's state."""
        if not self._over and not trigger_has_on_kill():
            await self._stop_in_background()

    async def _stop_in_background(self) -> None:
        kind, ref = self.work()
        kill = kind.kill(ref)
        if kill is not Kill.STOPS:
            if kill is Kill.CANNOT:
                self.log.warning("%s cannot be cancelled and goes on", ref.id)
            return
        task = asyncio.create_task(self._stop_if_killed(kind, ref), name=f"stop[{ref.id}]")
        _stopping.add(task)
        task.add_done_callback(_stopping.discard)
        await asyncio.shield(task)

    async def _stop_if_killed(self, kind: WorkKind[Any, Any], ref: Any) -> None:
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
            self.log.warning("State of the task is unknown (%r): %s is left alone", e, ref.id)
            return
        if state == "deferred":
            self.log.info("The task is still deferred: %s goes on", ref.id)
            return
        if state not in ENDED_BY_USER and not self.stop_on_clear:
            self.log.info("The task was cleared and takes %s up again", ref.id)
            return
        self.log.info("The task is %s: stopping %s", state, ref.id)
        async with kind:
            await end_work(kind, ref, logger=self.log)
        self.log.info("Stopped %s", ref.id)
