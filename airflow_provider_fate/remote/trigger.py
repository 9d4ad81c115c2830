"""Waiting for remote work in the triggerer; a subclass only says how to look, how to report and how to stop."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_fate.compat import task_state, trigger_has_on_kill
from airflow_provider_fate.errors import FateError, is_transient
from airflow_provider_fate.remote.states import Outcome, Snapshot, WorkState

if TYPE_CHECKING:
    from airflow_provider_fate.remote.poller import SharedPoller

SETTLE = 5.0
"""Seconds after which a bad end is read again: FATE-Flow shows ``failed`` first where it ends as ``canceled``."""
MISSING_LOOKS = 3
"""A job may be unknown for a moment right after it was submitted."""
REFUSED_LOOKS = 5
"""So many refusals in a row (say, a signature that is not accepted) end the wait; an outage never does."""
STOP_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between the attempts to stop work that could not be stopped."""

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
    :param poll_interval: shortest pause in seconds between two looks.
    :param stop_on_kill: stop the work when a user kills the waiting task; off for work that somebody else started.
    """

    arguments: ClassVar[tuple[str, ...]] = (
        "conn_id",
        "work_id",
        "ref",
        "deadline",
        "queue_deadline",
        "poll_interval",
        "stop_on_kill",
    )

    def __init__(
        self,
        *,
        conn_id: str,
        work_id: str,
        ref: dict[str, Any] | None = None,
        deadline: float | None = None,
        queue_deadline: float | None = None,
        poll_interval: float = 2.0,
        stop_on_kill: bool = True,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.conn_id = conn_id
        self.work_id = work_id
        self.ref = ref or {}
        self.deadline = deadline
        self.queue_deadline = queue_deadline
        self.poll_interval = poll_interval
        self.stop_on_kill = stop_on_kill
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
    async def stop(self) -> None:
        """Stop the work; may be called more than once."""

    # -- waiting --------------------------------------------------------------------------------------------------

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, then fire one event (see :meth:`wait`)."""
        event = await self.wait()
        self._over = True
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]

    async def wait(self) -> dict[str, Any]:
        """Wait until the work is over or a limit is reached.

        :returns: ``work_id``, ``ref``, ``outcome`` (:class:`Outcome`), ``state`` (:class:`WorkState`) and ``detail``.
        :raises FateError: the remote system keeps refusing to answer.
        """
        leave, looks = self.poller().watch(self.work_id)
        ended: tuple[float, WorkState] | None = None
        missing = refused = 0
        silent_since: float | None = None
        last = Snapshot(WorkState.QUEUED)
        try:
            while True:
                try:
                    snapshot = await asyncio.wait_for(looks.next(), self._patience(last))
                except TimeoutError:
                    pass
                except FateError as e:
                    refused = 0 if is_transient(e) else refused + 1
                    if refused >= REFUSED_LOOKS:
                        raise
                    if silent_since is None:
                        silent_since = time.time()
                        self.log.warning("%s cannot be asked; waiting goes on: %s", self.conn_id, e)
                else:
                    if silent_since is not None:
                        self.log.info("%s answers again after %.0f s", self.conn_id, time.time() - silent_since)
                        silent_since = None
                    refused, last = 0, snapshot
                    missing = missing + 1 if snapshot.state is WorkState.MISSING else 0
                    if missing == 0 or missing >= MISSING_LOOKS:
                        await self._report_quietly(snapshot)
                        if ended is not None and ended[1] is not snapshot.state:
                            ended = None
                        if snapshot.state is WorkState.SUCCEEDED or missing:
                            return self._event(Outcome.OVER, snapshot)
                        if snapshot.state.is_over:
                            ended = ended or (time.time(), snapshot.state)
                            if time.time() - ended[0] >= SETTLE:
                                return self._event(Outcome.OVER, snapshot)
                        else:
                            ended = None
                if not last.state.is_over and (passed := self._passed_limit(last)):
                    return self._event(passed, last)
        finally:
            leave()

    async def _report_quietly(self, snapshot: Snapshot) -> None:
        try:
            await self.report(snapshot)
        except Exception as e:  # what the log shows is a service; the wait does not depend on it
            self.log.warning("Progress of %s could not be read: %r", self.work_id, e)

    def _limits(self, last: Snapshot) -> list[tuple[float, Outcome]]:
        limits = [(self.deadline, Outcome.DEADLINE)]
        if last.state is WorkState.QUEUED:
            limits.append((self.queue_deadline, Outcome.QUEUE_LIMIT))
        return [(moment, outcome) for moment, outcome in limits if moment is not None]

    def _passed_limit(self, last: Snapshot) -> Outcome | None:
        now = time.time()
        return next((outcome for moment, outcome in self._limits(last) if now >= moment), None)

    def _patience(self, last: Snapshot) -> float | None:
        """Seconds until the next limit, so that it is kept even while the remote system is silent."""
        moments = [moment for moment, _ in self._limits(last)]
        return max(0.1, min(moments) - time.time()) if moments else None

    def _event(self, outcome: Outcome, snapshot: Snapshot) -> dict[str, Any]:
        return {
            "work_id": self.work_id,
            "ref": self.ref,
            "outcome": outcome.value,
            "state": snapshot.state.value,
            "detail": snapshot.detail,
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
                self.log.info("Stopped %s", self.work_id)
                return
