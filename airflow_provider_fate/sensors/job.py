"""Wait for a job that somebody else has started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._base import FateJobWorkOperator
from airflow_provider_fate.sensors._base import FateSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.kinds.fate_job import ObservedJob
    from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef


class FateJobSensor(FateSensor["FateJobRef"], FateJobWorkOperator):
    """Wait until a job that this task has not started is over: from FATEBoard, a script, another DAG, or a partner.

    It never stops the job: neither when the task is killed nor when a limit passes. Give it an ``execution_timeout``:
    a site that was down when a partner's job ended may show it as running for ever.

    :param job_id: the job. (templated)
    :param fate_conn_id: Airflow connection of a site that takes part in the job. (templated)
    :param deferrable: wait in the triggerer (default), or in the worker.
    :param mode: as with Airflow's sensors: ``poke`` waits in the worker, ``reschedule`` gives it up between two looks.
    :param poll_interval: shortest pause in seconds between two looks; default ``[fate] poll_interval``.
    :param waiting_timeout: how long the job may queue before the task gives up; ``None``: for ever.
    :param stall_timeout: how long it may run without progress before the task gives up; ``None``: for ever.
    :param soft_fail: end as skipped where the job ends badly or a limit passes. Wrong arguments fail the task all the
        same.
    :param log_archive: where to keep the archive of a failed job's logs, ``s3://aws_default@logs/fate``. (templated)
    :returns: ``{"job_id", "model_id", "model_version", "status", "metrics"}`` as XCom; the metrics are those that this
        site's party has.
    :raises FateJobFailed: the job failed; the log shows the diagnosis.
    :raises FateJobStopped: somebody stopped the job.
    :raises FateWaitingTimeout, FateStallTimeout, FateExecutionTimeout: a limit passed; the job goes on.
    """

    template_fields: Sequence[str] = ("job_id", "fate_conn_id", "log_archive")

    def __init__(self, *, job_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id

    def kind(self) -> ObservedJob:
        """Somebody else's job."""
        from airflow_provider_fate.remote.kinds.fate_job import ObservedJob

        return ObservedJob(self.fate_conn_id, site=self.site(), log_archive=self.log_archive)

    def request(self, context: Context) -> str:
        """Its id."""
        return self.job_id

    def result(self, ref: FateJobRef, found: Mapping[str, Any] | None, context: Context) -> Mapping[str, Any]:
        """Ids, and the metrics that this site can see."""
        from airflow_provider_fate.site.result import job_result

        with self.session() as session:
            return job_result(session.client, ref, "success")
