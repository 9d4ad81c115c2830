"""The life cycle in Airflow's terms: what every operator of this provider inherits."""

from __future__ import annotations

import asyncio
import threading
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, cast

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, conf

from airflow_provider_fate.errors import (
    FateConfigError,
    FateError,
    FateExecutionTimeout,
    FateInputError,
    FateServerError,
    FateStallTimeout,
    FateWaitingTimeout,
)
from airflow_provider_fate.remote.reuse import OnClear, Reuse
from airflow_provider_fate.remote.states import Outcome, Snapshot, WorkState
from airflow_provider_fate.remote.telemetry import span
from airflow_provider_fate.remote.work import Attempt, Ending, Kill, RefT, WorkKind

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.sdk import Context

    from airflow_provider_fate.remote.event import Event
    from airflow_provider_fate.remote.lifecycle import Obtained
    from airflow_provider_fate.remote.limits import Limits
    from airflow_provider_fate.remote.trigger import RemoteWorkTrigger

WAITS_FOR = "waits_for"
"""XCom of a task that waits in its worker: the trigger that would wait in its place, and can stop the work. The
:mod:`.listener` reads it when the process is killed before it could stop the work itself."""


class RemoteWorkOperator(BaseOperator, Generic[RefT]):
    """Starts work elsewhere and waits for it without holding a worker slot.

    The work is looked for before it is submitted, so that a retry after a crash attaches to what already runs. Its id
    and link are visible while it runs. When the task is killed, or a limit passes, what the task has created is
    stopped; what it has changed or only observes goes on.

    :param deferrable: wait in the triggerer (default) or, with the same code, in the worker.
    :param poll_interval: shortest pause in seconds between two looks; default: ``[fate] poll_interval``.
    :param waiting_timeout: how long the work may queue for resources before the task gives up; ``None``: for ever.
    :param stall_timeout: how long the work may run without any sign of progress before the task gives up; ``None``:
        for ever.
    """

    reuse = Reuse()
    """What becomes of work that an earlier try, or the task before it was cleared, has begun."""
    final_errors: ClassVar[tuple[type[FateError], ...]] = (FateInputError, FateConfigError)
    """Errors before the wait that would come again in the same way: the task is not retried."""

    def __init__(
        self,
        *,
        deferrable: bool = True,
        poll_interval: float | None = None,
        waiting_timeout: timedelta | None = None,
        stall_timeout: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.waiting_timeout = waiting_timeout
        self.stall_timeout = stall_timeout
        self._kind: WorkKind[RefT, Any] | None = None
        self._attempt: Attempt | None = None
        self._request: Any = None
        self._ref: RefT | None = None
        self._killed = False

    # -- what a subclass says -------------------------------------------------------------------------------------

    @abstractmethod
    def kind(self) -> WorkKind[RefT, Any]:
        """The kind of its work, at its connection."""

    @abstractmethod
    def request(self, context: Context) -> Any:
        """What the kind is asked for, checked as far as it can be here."""

    def announce(self, ref: RefT, context: Context) -> None:
        """Push ids and links, so that they are visible while the work runs."""

    def result(self, ref: RefT, found: Mapping[str, Any] | None, context: Context) -> Any:
        """What the finished work gives back, as XCom."""
        kind = self._kind or self.kind()
        return _run(lambda: _using(kind, lambda: kind.result(ref, found)))

    def put_off(self, ref: RefT, seen: Snapshot, context: Context) -> None:
        """Called before the wait for work that was found: a sensor may end its process here, and come back later."""

    def limits(self, started: datetime | None) -> Limits:
        """When the wait has to end."""
        from airflow_provider_fate.remote.limits import Limits

        return Limits.of(
            started=started,
            execution_timeout=self.execution_timeout,
            waiting_timeout=self.waiting_timeout,
            stall_timeout=self.stall_timeout,
        )

    # -- the life cycle -------------------------------------------------------------------------------------------

    def execute(self, context: Context) -> Any:
        """Find or submit the work, then wait for it."""
        from airflow_provider_fate.remote.identity import WorkIdentity

        attempt = Attempt(WorkIdentity.of(context), self.reuse, self.end_if_killed)
        try:
            self._kind = kind = self.kind()
            self._request = request = self.request(context)
            self._attempt = attempt
            with span("find_or_submit", task=self.task_id):
                obtained = _run(lambda: _obtain(kind, attempt, request))
            self._ref = ref = obtained.ref
            if self._killed:
                self._end_killed(ref)
            self.end_if_killed()
        except self.final_errors as e:
            # The same input fails in the same way: a retry would only delay the message.
            raise AirflowFailException(str(e)) from None
        self.announce(ref, context)
        trigger = self._trigger(ref, getattr(context["ti"], "start_date", None))
        if (seen := obtained.seen) is not None and seen.state is WorkState.SUCCEEDED:
            # A deferral for nothing costs a second start of the task, and one that ends at once confuses the scheduler.
            from airflow_provider_fate.remote.event import Event

            return self.execute_complete(context, Event.of(ref.id, trigger.ref, Outcome.OVER, seen).to_json())
        if seen is not None:
            self.put_off(ref, seen, context)
        if self.deferrable:
            self.defer(trigger=trigger, method_name=self.execute_complete.__name__)
        if kind.kill(ref) is Kill.STOPS:
            classpath, kwargs = trigger.serialize()
            context["ti"].xcom_push(key=WAITS_FOR, value={"classpath": classpath, "kwargs": kwargs})
        return self.execute_complete(context, _run(trigger.wait))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Finish: give back the result, or explain why there is none."""
        from airflow_provider_fate.remote.event import Event

        ended = Event.from_json(event)
        self._kind = kind = self._kind or self.kind()
        ref = cast("RefT", kind.ref_type.from_json(ended.ref))
        self._ref = ref
        with span("finish", work=ended.work_id, outcome=ended.outcome.value, state=ended.state.value):
            if ended.outcome is Outcome.REFUSED:
                raise self._refused(kind, ref, context, ended)
            if ended.outcome is not Outcome.OVER:
                raise self.out_of_time(kind, ref, ended)
            if ended.state is not WorkState.SUCCEEDED:
                raise self._failed(kind, ref, ended)
            return self.result(ref, ended.found, context)

    def on_kill(self) -> None:
        """Do what a kill means for the work because the task is killed while its process runs.

        Airflow calls this in the middle of whatever the process does, lets it go on, and ends it after some seconds. So
        a submit may be under way: what it has started is looked for here, and what it starts yet is stopped when it
        comes back.
        """
        self._killed = True
        if self._kind is None or self._attempt is None:
            return
        if self._ref is not None:
            self._end_killed(self._ref)
            return
        from airflow_provider_fate.remote.lifecycle import stop_begun

        self.log.info("Task is killed while it submits: stopping what it may have started")
        kind, attempt, request = self._kind.twin(), self._attempt, self._request
        _run(lambda: _using(kind, lambda: stop_begun(kind, attempt, request)))

    def end_if_killed(self) -> None:
        """End the task if it was killed meanwhile; to be called before anything is submitted.

        :raises AirflowFailException: it was.
        """
        if self._killed:
            raise AirflowFailException("The task was killed.")

    def out_of_time(self, kind: WorkKind[RefT, Any], ref: RefT, ended: Event) -> Exception:
        """A limit has passed: say why, as far as can be seen, and leave nothing running."""
        error, passed = {
            Outcome.QUEUE_LIMIT: (
                FateWaitingTimeout,
                f"still waited for resources after waiting_timeout={self.waiting_timeout}",
            ),
            Outcome.STALLED: (
                FateStallTimeout,
                f"showed no sign of progress for stall_timeout={self.stall_timeout}",
            ),
            Outcome.DEADLINE: (FateExecutionTimeout, f"was not over after execution_timeout={self.execution_timeout}"),
        }[ended.outcome]
        try:
            reason = self._explained(kind, ref, ended).reason
        except FateError as e:
            reason = f"Why is not known: {e.message}"
        end = self._end_of_work(kind, ref, kind.queue_blocks if ended.outcome is Outcome.QUEUE_LIMIT else "")
        return error(f"{ended.work_id} {passed}. {end}", hint=reason or None, job_id=ended.work_id)

    # -- inside ---------------------------------------------------------------------------------------------------

    def _trigger(self, ref: RefT, started: datetime | None) -> RemoteWorkTrigger:
        from airflow_provider_fate.remote.trigger import RemoteWorkTrigger

        kind = self._kind or self.kind()
        limits = self.limits(started)
        return RemoteWorkTrigger(
            kind=kind.path(),
            conn_id=kind.conn_id,
            ref=ref.to_json(),
            deadline=limits.deadline,
            queue_deadline=limits.queue_deadline,
            stall_after=limits.stall_after,
            poll_interval=self.poll_interval or conf.getfloat("fate", "poll_interval", fallback=2.0),
            stop_on_clear=self.reuse.on_clear is OnClear.NEW,
        )

    def _end_killed(self, ref: RefT) -> None:
        assert self._kind is not None
        kind = self._kind.twin()
        match kind.kill(ref):
            case Kill.STOPS:
                self.log.info("Task is killed: stopping %s", ref.id)
                ended = _run(lambda: _ended(kind, ref))
                self.log.info("%s is %s", ref.id, ended.detail or ended.state.value)
            case Kill.CANNOT:
                self.log.warning("Task is killed; %s cannot be cancelled and goes on", ref.id)
            case Kill.LEAVES:
                self.log.info("Task is killed; %s was not started by it and goes on", ref.id)

    def _explained(self, kind: WorkKind[RefT, Any], ref: RefT, ended: Event) -> Any:
        """Ask the kind, and tell the log what it says."""
        ending = Ending(ended.outcome, ended.state, ended.detail)
        said = _run(lambda: _using(kind, lambda: kind.diagnose(ref, ending)))
        for line in said.lines:
            self.log.error("%s", line)
        for note in said.notes:
            self.log.info("%s", note)
        return said

    def _failed(self, kind: WorkKind[RefT, Any], ref: RefT, ended: Event) -> FateError:
        error: FateError | None = self._explained(kind, ref, ended).error
        return error or FateServerError(f"{ref.id} is {ended.state.value}: {ended.detail}", job_id=ref.id)

    def _end_of_work(self, kind: WorkKind[RefT, Any], ref: RefT, why: str = "") -> str:
        """Leave nothing running that is the task's own, and say what has become of the work."""
        match kind.kill(ref):
            case Kill.LEAVES:
                return "It was not started by this task and goes on."
            case Kill.CANNOT:
                return "It cannot be cancelled and goes on."
            case Kill.STOPS:
                try:
                    _run(lambda: _ended(kind, ref))
                except FateError as e:
                    return f"It could not be stopped and may still run: {e.message}"
                return f"It was stopped{why}."

    def _refused(self, kind: WorkKind[RefT, Any], ref: RefT, context: Context, ended: Event) -> FateError:
        """The remote system does not answer this connection any more: the work goes on for the next try, if any."""
        ti = context["ti"]
        if kind.kill(ref) is Kill.STOPS and ti.try_number <= (ti.max_tries or 0):
            left = "It goes on, and the next try takes it up."
        else:
            left = self._end_of_work(kind, ref)
        error = ended.refusal(f"How {ended.work_id} stands cannot be asked any more: {ended.detail}\n{left}")
        error.job_id = ended.work_id
        return error


async def _obtain(kind: WorkKind[RefT, Any], attempt: Attempt, request: Any) -> Obtained[RefT]:
    from airflow_provider_fate.remote.lifecycle import obtain

    async with kind:
        return await obtain(kind, attempt, request)


async def _ended(kind: WorkKind[RefT, Any], ref: RefT) -> Any:
    from airflow_provider_fate.remote.lifecycle import end_work

    async with kind:
        return await end_work(kind, ref)


async def _using(kind: WorkKind[RefT, Any], call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    async with kind:
        return await call()


def _run(call: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine from code that is not one; in a thread where this one runs an event loop.

    That is so in ``on_kill``: Airflow calls it from a signal in the middle of what the task does.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(call())
    done: list[Any] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(asyncio.run(call()))
        except BaseException as e:  # handed on to where it is waited for
            failed.append(e)

    thread = threading.Thread(target=run, name="remote work")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]
