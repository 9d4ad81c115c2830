"""Which failures of this provider's tasks are worth another try: an Airflow ``retry_policy`` (Airflow >= 3.3)."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import (
    FateAuthError,
    FateClockSkewError,
    FateConfigError,
    FateConflictError,
    FateInputError,
    FateJobFailed,
    FateNotOfferedError,
    FateResourceError,
    FateStallTimeout,
    FateWaitingTimeout,
    is_transient,
)

try:
    from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
except ImportError as e:
    raise ImportError("FateRetryPolicy needs Airflow 3.3 or newer: give the task `retries` instead.") from e

if TYPE_CHECKING:
    from airflow.sdk import Context

HOPELESS = (FateInputError, FateConfigError, FateAuthError, FateNotOfferedError)
"""The same task would fail in the same way: somebody has to change something first."""
BUSY = (FateResourceError, FateWaitingTimeout, FateStallTimeout, FateConflictError)
"""Time alone may help."""


class FateRetryPolicy(RetryPolicy):
    """Fail at once where a retry cannot help, and give a busy or unreachable site time where it can.

    Wrong input, connections, credentials, and jobs that failed for such a reason are not retried. Outages, missing
    cores and jobs that got stuck are, after pauses that double. All else follows the task's own ``retries`` and
    ``retry_delay``, which limit the number of tries in every case.

    :param delay: pause before the first retry.
    :param longest: longest pause.
    """

    def __init__(self, delay: timedelta = timedelta(minutes=1), longest: timedelta = timedelta(minutes=30)) -> None:
        if not timedelta(0) < delay <= longest:
            raise ValueError(f"delay={delay} is not between 0 and longest={longest}")
        self.delay = delay
        self.longest = longest

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide about one failure."""
        if isinstance(exception, FateJobFailed):
            return self._after_failed_job(exception, try_number)
        if isinstance(exception, HOPELESS) and not isinstance(exception, FateClockSkewError):
            return RetryDecision.fail(f"{type(exception).__name__}: a retry would fail in the same way")
        if isinstance(exception, BUSY) or is_transient(exception):
            return RetryDecision.retry(self._pause(try_number), f"{type(exception).__name__}: time may help")
        return RetryDecision.default()

    def _after_failed_job(self, exception: FateJobFailed, try_number: int) -> RetryDecision:
        from airflow_provider_fate.jobs.reasons import INPUT_REASONS

        reason = getattr(exception.diagnosis, "reason", "")
        if reason in INPUT_REASONS:
            return RetryDecision.fail(f"the job failed for its own input ({reason})")
        if reason in ("unreachable_party", "missing_table", "permission"):
            return RetryDecision.retry(self._pause(try_number), f"somebody may mend it meanwhile ({reason})")
        return RetryDecision.default()

    def _pause(self, try_number: int) -> timedelta:
        doublings = min(max(try_number, 1) - 1, 20)
        pause = min(self.longest, self.delay * float(2**doublings))
        # Many tasks that failed together must not come back together.
        return pause * random.uniform(0.9, 1.1)  # noqa: S311

    def serialize(self) -> dict[str, Any]:
        """As JSON."""
        return {"delay": self.delay.total_seconds(), "longest": self.longest.total_seconds()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> FateRetryPolicy:
        """From what :meth:`serialize` has made."""
        return cls(timedelta(seconds=data["delay"]), timedelta(seconds=data["longest"]))
