"""Write down who has used this site."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._site import FateSiteOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.site.audit import AuditedJob
    from airflow_provider_fate.site.session import SiteSession


class FateAuditOperator(FateSiteOperator):
    """Write the jobs of partners that have ended within a time into a file, and sum up what each partner has used.

    A line for each job: who has started it, what it ran and which tables it read here, when, how it ended, cores times
    seconds. A job is in the file of the time in which it ended, so that files of times that follow one another have
    each job once; a run that is repeated writes the same file anew. Once a day for an archive, once a month for a
    report.

    What has left the site FATE does not tell: a job that has succeeded has given its partner what its components give.

    :param target: file to write, ``.csv`` or ``.parquet``: a path, or a URL of any storage that Airflow knows, such as
        ``s3://aws_default@audit/fate/{{ data_interval_start | ds }}.csv``. Replaced if it is there. (templated)
    :param begin: from this moment on: a ``datetime``, or ISO text such as ``{{ data_interval_start }}``. (templated)
    :param end: before this moment, likewise. (templated)
    :param quota_core_hours: what each partner may use within this time; who has used more is named in the XCom.
    :param stale_after: a job of which nothing was told for so long, and that is unfinished here, is named in the XCom.
    :param fate_conn_id: Airflow connection of this site. (templated)
    :returns: ``{"target", "jobs", "partners": {party id: {"jobs", "core_hours", "ends", "tables"}}, "over_quota":
        [party id], "stale": [job id]}`` as XCom. A task that returns ``over_quota``
        can be mapped over: ``FateRevokeOperator.partial(...).expand(partner=...)``.
    :raises AirflowFailException: an argument cannot be right. Not retried.
    """

    template_fields: Sequence[str] = ("target", "begin", "end", "fate_conn_id")

    def __init__(
        self,
        *,
        target: str,
        begin: datetime | str = "{{ data_interval_start }}",
        end: datetime | str = "{{ data_interval_end }}",
        quota_core_hours: float | None = None,
        stale_after: timedelta = timedelta(days=2),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.target = target
        self.begin = begin
        self.end = end
        self.quota_core_hours = quota_core_hours
        self.stale_after = stale_after

    def check(self) -> None:
        """Check target and time."""
        from airflow_provider_fate.data.output_file import file_format

        file_format(str(self.target), None)
        self._window()

    def _window(self) -> tuple[datetime, datetime]:
        from datetime import UTC

        from airflow_provider_fate.errors import FateInvalidParameterError
        from airflow_provider_fate.operators._moments import moment

        begin, end = (
            datetime.fromtimestamp(moment(name, value), UTC)
            for name, value in (("begin", self.begin), ("end", self.end))
        )
        if begin >= end:
            raise FateInvalidParameterError(
                f"begin={begin.isoformat()} is not before end={end.isoformat()}.",
                hint="A run that somebody triggers by hand may have no data interval: give begin and end.",
            )
        return begin, end

    def work(self, session: SiteSession, context: Context) -> dict[str, Any]:
        """Read, write, sum up."""
        from datetime import UTC

        from airflow_provider_fate.site.audit import ended_jobs, stale_jobs, usage_by_partner

        begin, end = self._window()
        jobs = list(ended_jobs(session.client, begin, end))
        self._write(jobs)
        stale = stale_jobs(session.client, datetime.now(tz=UTC) - self.stale_after)
        partners = usage_by_partner(jobs)
        hours = {party: usage.core_seconds / 3600 for party, usage in partners.items()}
        over = [p for p, used in hours.items() if self.quota_core_hours is not None and used > self.quota_core_hours]
        for party, usage in partners.items():
            self.log.info("Party %s: %d jobs, %.2f core hours", party, usage.jobs, hours[party])
        if stale:
            self.log.warning("Unfinished here, and nothing told for %s: %s", self.stale_after, ", ".join(stale))
        return {
            "target": str(self.target),
            "jobs": len(jobs),
            "partners": {
                party: {
                    "jobs": usage.jobs,
                    "core_hours": round(hours[party], 4),
                    "ends": usage.ends,
                    "tables": usage.tables,
                }
                for party, usage in partners.items()
            },
            "over_quota": over,
            "stale": stale,
        }

    def _write(self, jobs: Sequence[AuditedJob]) -> None:
        import pyarrow as pa

        from airflow_provider_fate.data.output_file import file_format, write_file
        from airflow_provider_fate.storage.target import stored_target

        moment = pa.timestamp("s", tz="UTC")
        columns: dict[str, tuple[Any, list[Any]]] = {
            "job_id": (pa.string(), [one.job.job_id for one in jobs]),
            "initiator": (pa.string(), [one.job.initiator for one in jobs]),
            "role": (pa.string(), [one.job.role for one in jobs]),
            "status": (pa.string(), [one.job.status for one in jobs]),
            "components": (pa.string(), [" ".join(one.job.components) for one in jobs]),
            "tables": (pa.string(), [" ".join(one.job.tables) for one in jobs]),
            "rows": (pa.int64(), [one.rows for one in jobs]),
            "created": (moment, [int(one.job.created) for one in jobs]),
            "started": (moment, [one.started for one in jobs]),
            "ended": (moment, [one.ended for one in jobs]),
            "cores": (pa.int64(), [one.job.cores for one in jobs]),
            "core_seconds": (pa.float64(), [one.core_seconds for one in jobs]),
            "model_id": (pa.string(), [one.job.model_id for one in jobs]),
            "model_version": (pa.string(), [one.job.model_version for one in jobs]),
        }
        arrays = [pa.array(values, type=kind) for kind, values in columns.values()]
        batch = pa.record_batch(arrays, names=list(columns))
        with stored_target(str(self.target)) as file:
            write_file(file, batch.schema, iter([batch]), file_format(str(self.target), None))
