"""The life cycle in Airflow's terms: what every operator of this provider inherits."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from airflow.providers.common.compat.sdk import AirflowFailException, BaseOperator, conf

from airflow_provider_fate.remote.states import Outcome, WorkState

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.errors import FateError
    from airflow_provider_fate.remote.identity import WorkIdentity
    from airflow_provider_fate.remote.limits import Limits
    from airflow_provider_fate.remote.trigger import RemoteWorkTrigger

RefT = TypeVar("RefT")


class RemoteWorkOperator(BaseOperator, Generic[RefT]):
    """Starts work elsewhere and waits for it without holding a worker slot.

    The work is looked for before it is submitted, so that a retry after a crash attaches to what already runs. Job id
    and link are visible while it runs. When the task is killed, or a limit passes, the work is stopped.

    :param deferrable: wait in the triggerer (default) or, with the same code, in the worker.
    :param poll_interval: shortest pause in seconds between two looks; default: ``[fate] poll_interval``.
    :param waiting_timeout: how long the work may queue for resources before it is stopped; ``None``: for ever.
    """

    owns_work: ClassVar[bool] = True
    """Whether the work is this task's own. What somebody else has started is never stopped."""

    def __init__(
        self,
        *,
        deferrable: bool = True,
        poll_interval: float | None = None,
        waiting_timeout: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.waiting_timeout = waiting_timeout
        self._ref: RefT | None = None

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

    # -- the life cycle -------------------------------------------------------------------------------------------

    def execute(self, context: Context) -> Any:
        """Find or submit the work, then wait for it."""
        from airflow_provider_fate.errors import FateConfigError, FateInputError
        from airflow_provider_fate.remote.identity import WorkIdentity
        from airflow_provider_fate.remote.limits import Limits

        try:
            self._ref = ref = self.find_or_submit(WorkIdentity.of(context), context)
        except (FateInputError, FateConfigError) as e:
            # The same input fails in the same way: a retry would only delay the message.
            raise AirflowFailException(str(e)) from e
        self.announce(ref, context)
        trigger = self.trigger(
            ref,
            Limits.of(
                started=getattr(context["ti"], "start_date", None),
                execution_timeout=self.execution_timeout,
                waiting_timeout=self.waiting_timeout,
            ),
            self.poll_interval or conf.getfloat("fate", "poll_interval", fallback=2.0),
        )
        if self.deferrable:
            self.defer(trigger=trigger, method_name=self.execute_complete.__name__)
        return self.execute_complete(context, asyncio.run(trigger.wait()))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Finish: give back the result, or explain why there is none."""
        from airflow_provider_fate.errors import FateJobTimeout

        self._ref = ref = self.ref_from(event["ref"])
        outcome, state = Outcome(event["outcome"]), WorkState(event["state"])
        if outcome is not Outcome.OVER:
            if self.owns_work:
                self.stop(ref)
            raise FateJobTimeout(self._limit_message(outcome, event), job_id=event["work_id"])
        if state is not WorkState.SUCCEEDED:
            raise self.failure(ref, state, str(event.get("detail", "")))
        return self.result(ref, context)

    def on_kill(self) -> None:
        """Stop the work because the task is killed while its process runs."""
        if self._ref is not None and self.owns_work:
            self.log.info("Task is killed: stopping its work")
            self.stop(self._ref)

    def _limit_message(self, outcome: Outcome, event: Mapping[str, Any]) -> str:
        if outcome is Outcome.QUEUE_LIMIT:
            passed = f"still waited for resources after waiting_timeout={self.waiting_timeout}"
            why = ", because a waiting job blocks all jobs behind it"
        else:
            passed = f"was not over after execution_timeout={self.execution_timeout}"
            why = ""
        end = f"It was stopped{why}." if self.owns_work else "It was not started by this task and goes on."
        return f"{event['work_id']} {passed}. {end}"
