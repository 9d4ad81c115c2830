"""Wait for a job that somebody else has started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._base import FateJobWorkOperator
from airflow_provider_fate.remote.flow.ref import JobRef
from airflow_provider_fate.sensors._base import FateSensor

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.remote.identity import WorkIdentity


class FateJobSensor(FateSensor[JobRef], FateJobWorkOperator):
    """Wait until a job that this task has not started is over: from FATEBoard, a script, another DAG, or a partner.

    It never stops the job: neither when the task is killed nor when a limit passes. Give it an ``execution_timeout``:
    a site that was down when a partner's job ended may show it as running for ever.

    :param job_id: the job. (templated)
    :param fate_conn_id: Airflow connection of a site that takes part in the job. (templated)
    :param deferrable: wait in the triggerer (default), or in the worker.
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

    def find_or_submit(self, identity: WorkIdentity, context: Context) -> JobRef:
        """Find the job."""
        from airflow_provider_fate.errors import FateInputError, FateJobNotFound
        from airflow_provider_fate.hooks.check import verify_party
        from airflow_provider_fate.remote.flow.snapshot import own_record

        if not self.job_id or not str(self.job_id).isalnum():
            raise FateInputError(
                f"job_id={self.job_id!r} is not the id of a FATE job.",
                hint="Ids are numbers such as 202611221511355784540, as FATE-Flow gives them at submit.",
            )
        with self.jobs() as jobs:
            verify_party(jobs.site, jobs.flow)
            records = jobs.flow.job.query(job_id=self.job_id)
            if not records:
                raise FateJobNotFound(
                    f"The site of connection {self.fate_conn_id!r} does not know job {self.job_id}.",
                    job_id=self.job_id,
                    hint="A site knows only the jobs that its own party takes part in: check the connection.",
                )
            return jobs.ref(own_record(records, jobs.site.role, jobs.site.party_id))

    def result(self, ref: JobRef, context: Context) -> Mapping[str, Any]:
        """Ids, and the metrics that this site can see."""
        from airflow_provider_fate.remote.flow.result import job_result

        with self.jobs() as jobs:
            return job_result(jobs.flow, ref, "success")
