"""What the operators whose work is a FATE job have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.links.job import FateBoardLink
from airflow_provider_fate.remote.flow.ref import JobRef
from airflow_provider_fate.remote.operator import RemoteWorkOperator
from airflow_provider_fate.remote.reuse import OnClear, Reuse
from airflow_provider_fate.remote.states import Outcome, WorkState

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.clients.fate_flow import FlowClient
    from airflow_provider_fate.errors import FateError
    from airflow_provider_fate.hooks.site import FateSite
    from airflow_provider_fate.remote.flow.jobs import FlowJobs
    from airflow_provider_fate.remote.identity import WorkIdentity
    from airflow_provider_fate.remote.limits import Limits
    from airflow_provider_fate.triggers.job import FateJobTrigger


class FateJobWorkOperator(RemoteWorkOperator[JobRef]):
    """Remote work that is a job of a FATE-Flow server.

    :param fate_conn_id: Airflow connection of the FATE site.
    :param log_archive: folder into which the archive of a failed job's logs is copied, a local path or any URL that
        Airflow's object storage knows, such as ``s3://aws_default@logs/fate``.
    """

    operator_extra_links = (FateBoardLink(),)
    reuse = Reuse()
    """What becomes of a job that an earlier try, or the task before it was cleared, has begun."""
    ui_color = "#e3eefc"

    def __init__(self, *, fate_conn_id: str = "fate_default", log_archive: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fate_conn_id = fate_conn_id
        self.log_archive = log_archive

    def site(self) -> FateSite:
        """The connection, checked."""
        from airflow_provider_fate.hooks.flow import FateFlowHook

        return FateFlowHook(self.fate_conn_id).site()

    @contextmanager
    def jobs(self) -> Iterator[FlowJobs]:
        """The site's jobs, over one client."""
        from airflow_provider_fate.clients.fate_flow import FlowClient
        from airflow_provider_fate.remote.flow.jobs import FlowJobs

        site = self.site()
        with FlowClient(site.settings()) as flow:
            yield FlowJobs(flow, site)

    def announce(self, ref: JobRef, context: Context) -> None:
        """Push job id, model id, model version and link while the job runs."""
        for key, value in (
            ("job_id", ref.job_id),
            ("model_id", ref.model_id),
            ("model_version", ref.model_version),
        ):
            if value is not None:
                context["ti"].xcom_push(key=key, value=value)
        FateBoardLink.persist(context, self.site(), ref)

    def trigger(self, ref: JobRef, limits: Limits, poll_interval: float) -> FateJobTrigger:
        """Waits for the job."""
        from airflow_provider_fate.triggers.job import FateJobTrigger

        return FateJobTrigger(
            conn_id=self.fate_conn_id,
            work_id=ref.job_id,
            ref=ref.to_json(),
            deadline=limits.deadline,
            queue_deadline=limits.queue_deadline,
            stall_after=limits.stall_after,
            poll_interval=poll_interval,
            stop_on_kill=self.owns_work,
            stop_on_clear=self.reuse.on_clear is OnClear.NEW,
        )

    def ref_from(self, data: Mapping[str, Any]) -> JobRef:
        """The job again."""
        return JobRef.from_json(data)

    def failure(self, ref: JobRef, state: WorkState, detail: str) -> FateError:
        """Write the diagnosis into the log and sum it up in the error."""
        from airflow_provider_fate.errors import FateJobFailed, FateJobNotFound, FateJobStopped
        from airflow_provider_fate.remote.flow.diagnosis import diagnose, stopped_by
        from airflow_provider_fate.remote.flow.evidence import Evidence

        if state is WorkState.MISSING:
            return FateJobNotFound(
                f"FATE-Flow does not know job {ref.job_id} (any more).",
                job_id=ref.job_id,
                hint="It was cleaned, or the connection points at another server than before.",
            )
        with self.jobs() as jobs:
            diagnosis = diagnose(jobs.flow, ref, detail)
            by = ""
            if state is WorkState.STOPPED:
                log = Evidence(jobs.flow, ref).schedule_log()
                by = stopped_by(jobs.flow.task.query(job_id=ref.job_id), ref, log)
            archive = self._keep_logs(jobs.flow, ref)
        for line in diagnosis.lines():
            self.log.error("%s", line)
        if archive:
            self.log.info("All logs that this site has of the job: %s", archive)
        if by:
            return FateJobStopped(f"Job {ref.job_id} was stopped, and not by this task.", job_id=ref.job_id, hint=by)
        return FateJobFailed(
            diagnosis.summary, job_id=ref.job_id, hint=diagnosis.next_step or None, diagnosis=diagnosis
        )

    def stop_started(self, identity: WorkIdentity) -> None:
        """Stop unfinished jobs that carry the task's mark."""
        with self.jobs() as jobs:
            for record in jobs.find(identity).current:
                jobs.stop(record.job_id)

    def explain_limit(self, ref: JobRef, outcome: Outcome) -> str:
        """What held the job in the queue, or where it has come to."""
        from airflow_provider_fate.remote.flow.waiting import where_it_is, why_it_waits

        with self.jobs() as jobs:
            if outcome is Outcome.QUEUE_LIMIT:
                return why_it_waits(jobs.flow, ref)
            for line in where_it_is(jobs.flow, ref):
                self.log.error("%s", line)
        if outcome is Outcome.STALLED:
            return (
                "The tasks are shown above. A job hangs like this when a partner's server or a task's process has "
                "gone, and when a task waits for one that does not exist: ask the partners whether theirs still run."
            )
        return ""

    def _keep_logs(self, flow: FlowClient, ref: JobRef) -> str:
        """Copy the archive of a failed job's logs to where the task wants it; return its path, or an empty string."""
        if not self.log_archive:
            return ""
        from airflow_provider_fate.remote.flow.archive import keep_logs

        try:
            return keep_logs(flow, ref.job_id, self.log_archive)
        except Exception as e:  # the job's own failure is what has to be told
            self.log.warning("The logs of job %s could not be copied to %s: %s", ref.job_id, self.log_archive, e)
            return ""

    def stop(self, ref: JobRef) -> None:
        """Stop the job on all parties."""
        with self.jobs() as jobs:
            snapshot = jobs.stop(ref.job_id)
        self.log.info("Job %s is %s", ref.job_id, snapshot.detail)
