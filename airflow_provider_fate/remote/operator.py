"""The life cycle in Airflow's terms: what every operator of this provider inherits."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, conf

from airflow_provider_fate import errors
from airflow_provider_fate.errors import (
    FateConfigError,
    FateError,
    FateExecutionTimeout,
    FateInputError,
    FateStallTimeout,
    FateWaitingTimeout,
)
from airflow_provider_fate.remote.states import Outcome, WorkState
from airflow_provider_fate.remote.telemetry import span

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.identity import WorkIdentity
    from airflow_provider_fate.remote.limits import Limits
    from airflow_provider_fate.remote.trigger import RemoteWorkTrigger

RefT = TypeVar("RefT")

WAITS_FOR = "waits_for"
"""XCom of a task that waits in its worker: the trigger that would wait in its place, and can stop the work. The
:mod:`.listener` reads it when the process is killed before it could stop the work itself."""


class RemoteWorkOperator(BaseOperator, Generic[RefT]):
    """Starts work elsewhere and waits for it without holding a worker slot.

    The work is looked for before it is submitted, so that a retry after a crash attaches to what already runs. Job id
    and link are visible while it runs. When the task is killed, or a limit passes, the work is stopped.

    :param deferrable: wait in the triggerer (default) or, with the same code, in the worker.
    :param poll_interval: shortest pause in seconds between two looks; default: ``[fate] poll_interval``.
    :param waiting_timeout: how long the work may queue for resources before it is stopped; ``None``: for ever.
    :param stall_timeout: how long the work may run without any sign of progress before it is stopped; ``None``: for
        ever.
    """

    owns_work: ClassVar[bool] = True
    """Whether the work is this task's own. What somebody else has started is never stopped."""

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
        self._ref: RefT | None = None
        self._identity: WorkIdentity | None = None
        self._killed = False

    # -- what a subclass says -------------------------------------------------------------------------------------

    @abstractmethod
    def find_or_submit(self, identity: WorkIdentity, context: Context) -> RefT:
        """Find the work of this identity, or check the input and submit it."""

    @abstractmethod
    def announce(self, ref: RefT, context: Context) -> None:
        """Push ids and links, so that they are visible while the work runs."""

    @abstractmethod
    def trigger(self, ref: RefT, limits: Limits, poll_interval: float) -> RemoteWorkTrigger:
        """What waits for it; carries ``ref`` in JSON (see :meth:`ref_from`)."""

    @abstractmethod
    def ref_from(self, data: Mapping[str, Any]) -> RefT:
        """The reference again, from the JSON that the trigger carried."""

    @abstractmethod
    def result(self, ref: RefT, context: Context) -> Any:
        """What the finished work gives back, as XCom."""

    @abstractmethod
    def failure(self, ref: RefT, state: WorkState, detail: str) -> FateError:
        """The error that explains a bad end; may log what helps a person."""

    @abstractmethod
    def stop(self, ref: RefT) -> None:
        """Stop the work and check that it has stopped."""

    def stop_started(self, identity: WorkIdentity) -> None:
        """Stop what a submit that has not come back may have started."""

    def explain_limit(self, ref: RefT, outcome: Outcome) -> str:
        """Why the work has reached a limit, as far as can be seen before it is stopped; may log what helps a person."""
        return ""

    # -- the life cycle -------------------------------------------------------------------------------------------

    def execute(self, context: Context) -> Any:
        """Find or submit the work, then wait for it."""
        from airflow_provider_fate.remote.identity import WorkIdentity
        from airflow_provider_fate.remote.limits import Limits

        self._identity = identity = WorkIdentity.of(context)
        try:
            with span("find_or_submit", task=self.task_id):
                self._ref = ref = self.find_or_submit(identity, context)
            if self._killed and self.owns_work:
                self.stop(ref)
            self.end_if_killed()
        except (FateInputError, FateConfigError) as e:
            # The same input fails in the same way: a retry would only delay the message.
            raise AirflowFailException(str(e)) from None
        self.announce(ref, context)
        trigger = self.trigger(
            ref,
            Limits.of(
                started=getattr(context["ti"], "start_date", None),
                execution_timeout=self.execution_timeout,
                waiting_timeout=self.waiting_timeout,
                stall_timeout=self.stall_timeout,
            ),
            self.poll_interval or conf.getfloat("fate", "poll_interval", fallback=2.0),
        )
        if self.deferrable:
            # A deferral for nothing costs a second start of the task, and one that ends at once confuses the scheduler.
            if (event := asyncio.run(trigger.success_now())) is not None:
                return self.execute_complete(context, event)
            self.defer(trigger=trigger, method_name=self.execute_complete.__name__)
        if self.owns_work:
            classpath, kwargs = trigger.serialize()
            context["ti"].xcom_push(key=WAITS_FOR, value={"classpath": classpath, "kwargs": kwargs})
        return self.execute_complete(context, asyncio.run(trigger.wait()))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Finish: give back the result, or explain why there is none."""
        self._ref = ref = self.ref_from(event["ref"])
        outcome, state = Outcome(event["outcome"]), WorkState(event["state"])
        with span("finish", work=str(event["work_id"]), outcome=outcome.value, state=state.value):
            if outcome is Outcome.REFUSED:
                raise self._refused(ref, context, event)
            if outcome is not Outcome.OVER:
                raise self._out_of_time(ref, outcome, event)
            if state is not WorkState.SUCCEEDED:
                raise self.failure(ref, state, str(event.get("detail", "")))
            return self.result(ref, context)

    def on_kill(self) -> None:
        """Stop the work because the task is killed while its process runs.

        Airflow calls this in the middle of whatever the process does, lets it go on, and ends it after some seconds. So
        a submit may be under way: what it has started is looked for here, and what it starts yet is stopped when it
        comes back.
        """
        self._killed = True
        if not self.owns_work:
            return
        if self._ref is not None:
            self.log.info("Task is killed: stopping its work")
            self.stop(self._ref)
        elif self._identity is not None:
            self.log.info("Task is killed while it submits: stopping what it may have started")
            self.stop_started(self._identity)

    def end_if_killed(self) -> None:
        """End the task if it was killed meanwhile; to be called before anything is submitted.

        :raises AirflowFailException: it was.
        """
        if self._killed:
            raise AirflowFailException("The task was killed.")

    def _out_of_time(self, ref: RefT, outcome: Outcome, event: Mapping[str, Any]) -> FateError:
        """A limit has passed: say why, as far as can be seen, and leave nothing running."""
        kind, passed = {
            Outcome.QUEUE_LIMIT: (
                FateWaitingTimeout,
                f"still waited for resources after waiting_timeout={self.waiting_timeout}",
            ),
            Outcome.STALLED: (
                FateStallTimeout,
                f"showed no sign of progress for stall_timeout={self.stall_timeout}",
            ),
            Outcome.DEADLINE: (FateExecutionTimeout, f"was not over after execution_timeout={self.execution_timeout}"),
        }[outcome]
        try:
            reason = self.explain_limit(ref, outcome)
        except FateError as e:
            reason = f"Why is not known: {e.message}"
        return kind(
            f"{event['work_id']} {passed}. {self._end_of_work(ref, outcome)}",
            hint=reason or None,
            job_id=event["work_id"],
        )

    def _end_of_work(self, ref: RefT, outcome: Outcome) -> str:
        if not self.owns_work:
            return "It was not started by this task and goes on."
        try:
            self.stop(ref)
        except FateError as e:
            return f"It could not be stopped and may still run: {e.message}"
        why = ", because a waiting job blocks all jobs behind it" if outcome is Outcome.QUEUE_LIMIT else ""
        return f"It was stopped{why}."

    def _refused(self, ref: RefT, context: Context, event: Mapping[str, Any]) -> FateError:
        """The remote system does not answer this connection any more: the work goes on for the next try, if any."""
        ti = context["ti"]
        said = str(event.get("detail", ""))
        if self.owns_work and ti.try_number <= (ti.max_tries or 0):
            left = "It goes on, and the next try takes it up."
        else:
            left = self._end_of_work(ref, Outcome.REFUSED)
        kind = getattr(errors, str(event.get("error")), errors.FateServerError)
        error: FateError = kind(f"How {event['work_id']} stands cannot be asked any more: {said}\n{left}")
        error.job_id = event["work_id"]
        return error
