"""What sensors have in common: they own nothing, may end as skipped, and may give up their worker between two looks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException

from airflow_provider_fate.compat import come_back_at
from airflow_provider_fate.errors import FateJobError
from airflow_provider_fate.remote.operator import RemoteWorkOperator
from airflow_provider_fate.remote.work import RefT

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.limits import Limits
    from airflow_provider_fate.remote.states import Snapshot

RESCHEDULE = 60.0
"""Seconds between two looks with ``mode="reschedule"`` where nothing else is said: each starts a process."""


class FateSensor(RemoteWorkOperator[RefT]):
    """Waits for what somebody else has begun, and never stops it.

    :param mode: as with Airflow's sensors: ``poke`` waits in the worker, ``reschedule`` gives it up between two looks.
        ``None``: in the triggerer (``deferrable``), which costs least.
    :param soft_fail: end as skipped where what is waited for has not come in time, or has come to a bad end. Wrong
        input, connections and credentials fail the task all the same: those are no reason to go on without it.
    """

    def __init__(
        self, *, mode: Literal["poke", "reschedule"] | None = None, soft_fail: bool = False, **kwargs: Any
    ) -> None:
        if mode not in (None, "poke", "reschedule"):
            raise ValueError(f"mode={mode!r} is not one of poke, reschedule; leave it out to wait in the triggerer")
        if mode is not None:
            kwargs["deferrable"] = False
        super().__init__(**kwargs)
        for name in ("waiting_timeout", "stall_timeout"):
            if mode == "reschedule" and getattr(self, name) is not None:
                raise ValueError(
                    f"{name} needs a wait that lasts, and mode='reschedule' looks anew each time: leave mode out."
                )
        self.mode = mode
        self.soft_fail = soft_fail

    @property
    def reschedule(self) -> bool:
        """What Airflow's scheduler asks: whether the task comes back by itself."""
        return self.mode == "reschedule"

    @classmethod
    def get_serialized_fields(cls) -> frozenset[str]:
        """Tell the scheduler of it, too."""
        return frozenset(super().get_serialized_fields() | {"reschedule"})  # type: ignore[no-untyped-call]

    def execute(self, context: Context) -> Any:
        """Wait."""
        with self._softly():
            return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Give back what was waited for, or explain why it has not come."""
        with self._softly():
            return super().execute_complete(context, event)

    def put_off(self, ref: RefT, seen: Snapshot, context: Context) -> None:
        """Come back later, unless it is over or the time is; then this process waits to its end."""
        if not self.reschedule or seen.state.is_over:
            return
        from airflow_provider_fate.remote.event import Event
        from airflow_provider_fate.remote.states import Outcome

        now = datetime.now(tz=UTC)
        again = now + timedelta(seconds=self.poll_interval or RESCHEDULE)
        deadline = self.limits(context["ti"].get_first_reschedule_date(context) or now).deadline
        if deadline is None or now.timestamp() < deadline:
            self.log.info("%s is %s; looking again at %s", ref.id, seen.detail or seen.state.value, f"{again:%H:%M:%S}")
            raise come_back_at(again)
        kind = self._kind or self.kind()
        raise self.out_of_time(kind, ref, Event.of(ref.id, ref.to_json(), Outcome.DEADLINE, seen))

    @contextmanager
    def _softly(self) -> Iterator[None]:
        try:
            yield
        except (AirflowSensorTimeout, FateJobError) as e:
            if not self.soft_fail:
                raise
            raise AirflowSkipException(f"soft_fail: {e}") from None


class FateTimedSensor(FateSensor[RefT]):
    """A sensor with a ``timeout`` of its own, as Airflow's have.

    :ivar timeout: seconds.
    """

    timeout: float

    def limits(self, started: datetime | None) -> Limits:
        """The sensor's own timeout, too."""
        limits = super().limits(started)
        began = started.timestamp() if started is not None and self.reschedule else time.time()
        end = began + self.timeout
        return replace(limits, deadline=end if limits.deadline is None else min(end, limits.deadline))
