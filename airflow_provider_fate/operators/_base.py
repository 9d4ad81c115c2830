"""What the operators whose work is a FATE job have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.links.job import FateBoardLink
from airflow_provider_fate.remote.flow.ref import JobRef
from airflow_provider_fate.remote.operator import RemoteWorkOperator
from airflow_provider_fate.remote.reuse import OnClear, Reuse
from airflow_provider_fate.remote.states import WorkState

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.errors import FateError
    from airflow_provider_fate.hooks.site import FateSite
    from airflow_provider_fate.remote.flow.jobs import FlowJobs
    from airflow_provider_fate.remote.limits import Limits
    from airflow_provider_fate.triggers.job import FateJobTrigger


class FateJobWorkOperator(RemoteWorkOperator[JobRef]):
    """Remote work that is a job of a FATE-Flow server.

    :param fate_conn_id: Airflow connection of the FATE site.
    """

    operator_extra_links = (FateBoardLink(),)
    reuse = Reuse()
    """What becomes of a job that an earlier try, or the task before it was cleared, has begun."""
    ui_color = "#e3eefc"

    def __init__(self, *, fate_conn_id: str = "fate_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fate_conn_id = fate_conn_id

    def site(self) -> FateSite:
        """The connection, checked."""
        from airflow_provider_fate.hooks.flow import FateFlowHook

        return FateFlowHook(self.fate_conn_id).site()

    @contextmanager
    def jobs(self) -> Iterator[FlowJobs]:
        """The site's jobs, over one client."""
        from airflow_provider_fate.clients.flow import FlowClient
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
        from airflow_provider_fate.remote.flow.diagnosis import diagnose

        if state is WorkState.MISSING:
            return FateJobNotFound(
                f"FATE-Flow does not know job {ref.job_id} (any more).",
                job_id=ref.job_id,
                hint="It was cleaned, or the connection points at another server than before.",
            )
        with self.jobs() as jobs:
            diagnosis = diagnose(jobs.flow, ref, detail)
        for line in diagnosis.lines():
            self.log.error("%s", line)
        if state is WorkState.STOPPED:
            return FateJobStopped(
                f"Job {ref.job_id} was stopped, and not by this task.",
                job_id=ref.job_id,
                hint="Somebody stopped it in FATEBoard or through the API, here or at a partner.",
            )
        return FateJobFailed(diagnosis.summary, job_id=ref.job_id, diagnosis=diagnosis)

    def stop(self, ref: JobRef) -> None:
        """Stop the job on all parties."""
        with self.jobs() as jobs:
            snapshot = jobs.stop(ref.job_id)
        self.log.info("Job %s is %s", ref.job_id, snapshot.detail)
