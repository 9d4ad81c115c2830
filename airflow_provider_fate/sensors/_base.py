"""What sensors have in common: they own nothing, and may end as skipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowSensorTimeout, AirflowSkipException

from airflow_provider_fate.errors import FateJobError
from airflow_provider_fate.remote.operator import RemoteWorkOperator
from airflow_provider_fate.remote.work import RefT

if TYPE_CHECKING:
    from airflow.sdk import Context


class FateSensor(RemoteWorkOperator[RefT]):
    """Waits for what somebody else has begun, and never stops it.

    :param soft_fail: end as skipped where what is waited for has not come in time, or has come to a bad end. Wrong
        input, connections and credentials fail the task all the same: those are no reason to go on without it.
    """

    def __init__(self, *, soft_fail: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.soft_fail = soft_fail

    def execute(self, context: Context) -> Any:
        """Wait."""
        with self._softly():
            return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Give back what was waited for, or explain why it has not come."""
        with self._softly():
            return super().execute_complete(context, event)

    @contextmanager
    def _softly(self) -> Iterator[None]:
        try:
            yield
        except (AirflowSensorTimeout, FateJobError) as e:
            if not self.soft_fail:
                raise
            raise AirflowSkipException(f"soft_fail: {e}") from None
