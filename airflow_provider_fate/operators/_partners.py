"""Waiting until the partners of a job are ready: nothing runs meanwhile, and no worker is held."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateError, FatePartnerTimeout
from airflow_provider_fate.operators._base import FateJobWorkOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

__all__ = ["FederatedJobOperator"]

WAIT = "partners"
"""XCom of a task that waits for partners: since when, how often it has tried, and for whom."""
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=15)


class FederatedJobOperator(FateJobWorkOperator):
    """A job with partners, who may not be ready.

    :param wait_for_partners: how long to wait for partners who cannot be reached, have not granted what the job needs,
        or whose table is not there yet. The job is tried again after a minute, then at pauses that double, up to a
        quarter of an hour. ``None``: the task fails at once.
    """

    def __init__(self, *, wait_for_partners: timedelta | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if wait_for_partners is not None and wait_for_partners <= timedelta(0):
            raise ValueError(f"wait_for_partners={wait_for_partners} is no time to wait; give a positive timedelta")
        self.wait_for_partners = wait_for_partners

    def execute(self, context: Context) -> Any:
        """Find or submit the job, then wait for it, and before it for partners."""
        return self._patiently(context, partial(super().execute, context))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Finish, or wait for a partner who was not ready."""
        return self._patiently(context, partial(super().execute_complete, context, event))

    def try_again(self, context: Context, event: Any) -> Any:
        """Go on after a pause."""
        return self.execute(context)

    def _patiently(self, context: Context, go: Callable[[], Any]) -> Any:
        while True:
            try:
                return go()
            except FateError as e:
                if (again := self._next_try(context, e)) is None:
                    raise
            if self.deferrable:
                from airflow.providers.standard.triggers.temporal import DateTimeTrigger

                self.defer(trigger=DateTimeTrigger(moment=again), method_name=self.try_again.__name__)
            time.sleep(max(0.0, (again - datetime.now(tz=UTC)).total_seconds()))
            self.end_if_killed()
            self._ref = None  # that job is over
            go = partial(super().execute, context)

    def _next_try(self, context: Context, error: FateError) -> datetime | None:
        """When to try again; ``None``: there is nothing to wait for.

        :raises FatePartnerTimeout: the time is over.
        """
        if self.wait_for_partners is None:
            return None
        from airflow_provider_fate.site.readiness import who_is_not_ready

        if not (who := who_is_not_ready(error)):
            return None
        now = datetime.now(tz=UTC)
        ti = context["ti"]
        waited = ti.xcom_pull(key=WAIT, task_ids=self.task_id, map_indexes=ti.map_index) or {}
        since: datetime = datetime.fromisoformat(waited["since"]) if waited else now
        tries = int(waited.get("tries", 0)) + 1
        until = since + self.wait_for_partners
        if now >= until:
            raise FatePartnerTimeout(
                f"Not every partner was ready within wait_for_partners={self.wait_for_partners}: {who}.",
                hint=f"It was tried {tries} times. Ask the party's operators.",
                job_id=error.job_id,
                party=error.party,
            ) from None
        pause = min(FIRST_PAUSE * 2 ** min(tries - 1, 10), LONGEST_PAUSE)
        again: datetime = min(now + pause, until)
        self.log.warning(
            "Not every partner is ready: %s. Trying again at %s; waiting until %s UTC.",
            who,
            f"{again:%H:%M:%S}",
            f"{until:%Y-%m-%d %H:%M:%S}",
        )
        ti.xcom_push(key=WAIT, value={"since": since.isoformat(), "tries": tries, "waits_for": who})
        return again
