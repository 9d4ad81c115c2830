"""Look at a partner's job, and stop it if it asks for more than was agreed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.operators._site import FateSiteOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_fate.site.incoming import IncomingJob
    from airflow_provider_fate.site.job_rules import JobRules
    from airflow_provider_fate.site.session import SiteSession


class FateJobGuardOperator(FateSiteOperator):
    """Hold a partner's job to what was agreed, and stop it on all sides if it asks for more.

    A second line, and a race: FATE begins with a job two to four seconds after it has come in. What must not happen at
    all is refused when the job is created, by permissions (``FateGrantOperator``).

    ``reader`` may always run. A rule that is ``None`` is not looked at; a job that is over is looked at all the same.

    :param job_id: the job, as :class:`~airflow_provider_fate.sensors.incoming.FateIncomingJobSensor` gives it.
        (templated)
    :param initiators: party ids of who may start jobs. (templated)
    :param components: what they may run here. (templated)
    :param tables: what they may read here, ``namespace.name``; ``*`` stands for any characters. (templated)
    :param max_rows: of each table that is read here.
    :param max_cores: that the job may take of this site's pool.
    :param hours: in which jobs may come in, ``("22:00", "06:00")``; may go beyond midnight.
    :param timezone: of these hours.
    :param stop: stop a job that asks for more; ``False``: only fail and say so.
    :param fate_conn_id: Airflow connection of this site. (templated)
    :returns: ``{"job_id", "initiator", "components", "tables"}`` of a job that keeps to all rules, as XCom.
    :raises FateAgreementError: it does not; names each breach, and whether the job was stopped.
    :raises FateJobNotFound: this site has no such job, or is not a host or arbiter in it.
    :raises AirflowFailException: an argument cannot be right. Not retried.
    """

    template_fields: Sequence[str] = ("job_id", "initiators", "components", "tables", "fate_conn_id")

    def __init__(
        self,
        *,
        job_id: str,
        initiators: Sequence[str] | None = None,
        components: Sequence[str] | None = None,
        tables: Sequence[str] | None = None,
        max_rows: int | None = None,
        max_cores: int | None = None,
        hours: tuple[str, str] | None = None,
        timezone: str = "UTC",
        stop: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_id = job_id
        self.initiators = initiators
        self.components = components
        self.tables = tables
        self.max_rows = max_rows
        self.max_cores = max_cores
        self.hours = hours
        self.timezone = timezone
        self.stop = stop

    def check(self) -> None:
        """Check the rules."""
        from airflow_provider_fate.clients.fate_flow.names import check_id

        check_id("job_id", str(self.job_id))
        self.rules()

    def rules(self) -> JobRules:
        """What the arguments say.

        :raises FateInvalidParameterError: one of them cannot be right, or nothing is said at all.
        """
        from airflow_provider_fate.errors import FateInvalidParameterError
        from airflow_provider_fate.site.job_rules import Hours, JobRules
        from airflow_provider_fate.site.permissions import READER, check_components

        rules = (self.initiators, self.components, self.tables, self.max_rows, self.max_cores, self.hours)
        if all(rule is None for rule in rules):
            raise FateInvalidParameterError(
                "No rule is given, so that every job would keep to it.",
                hint="Give one of initiators, components, tables, max_rows, max_cores, hours.",
            )
        for name, values in (("initiators", self.initiators), ("components", self.components), ("tables", self.tables)):
            if isinstance(values, str):
                raise FateInvalidParameterError(f"{name}={values!r} is not a list.", hint=f"Write [{values!r}].")
        allowed = None if self.components is None else frozenset({READER, *check_components(self.components)})
        return JobRules(
            initiators=None if self.initiators is None else frozenset(map(str, self.initiators)),
            components=allowed,
            tables=None if self.tables is None else tuple(self.tables),
            max_rows=self.max_rows,
            max_cores=self.max_cores,
            hours=None if self.hours is None else Hours.of(self.hours, self.timezone),
        )

    def work(self, session: SiteSession, context: Context) -> dict[str, Any]:
        """Look, and stop it if need be."""
        from airflow_provider_fate.errors import FateAgreementError

        job = self._job(session)
        breaches = list(self.rules().breaches(job, _rows(session, job)))
        if not breaches:
            self.log.info("Job %s of party %s keeps to what was agreed", job.job_id, job.initiator)
            return {name: job.to_json()[name] for name in ("job_id", "initiator", "components", "tables")}
        end = self._stop(job) if self.stop else "It goes on: stop=False."
        raise FateAgreementError(
            f"Job {job.job_id} of party {job.initiator} breaks what was agreed: {'; '.join(breaches)}. {end}",
            hint="Talk to the partner, and take back what it may use: FateRevokeOperator.",
            job_id=job.job_id,
            party=job.initiator,
        )

    def _job(self, session: SiteSession) -> IncomingJob:
        from airflow_provider_fate.errors import FateJobNotFound
        from airflow_provider_fate.site.incoming import incoming

        found = next(incoming(session.client.job.query(job_id=str(self.job_id))), None)
        if found is None:
            raise FateJobNotFound(
                f"The site of connection {self.fate_conn_id!r} serves no job {self.job_id} as host or arbiter.",
                job_id=str(self.job_id),
                hint="Give the id of a job that a partner has started, as FateIncomingJobSensor does.",
            )
        return found

    def _stop(self, job: IncomingJob) -> str:
        import asyncio

        from airflow_provider_fate.errors import FateError
        from airflow_provider_fate.remote.kinds.fate_job import ObservedJob
        from airflow_provider_fate.remote.kinds.fate_ref import FateJobRef
        from airflow_provider_fate.remote.lifecycle import end_work

        async def stop() -> str:
            async with ObservedJob(self.fate_conn_id) as kind:
                seen = await end_work(kind, FateJobRef(job.job_id, job.role, job.party_id))
            return seen.detail or seen.state.value

        try:
            return f"It is {asyncio.run(stop())}."
        except FateError as e:
            return f"It could not be stopped: {e.message}"


def _rows(session: SiteSession, job: IncomingJob) -> dict[str, int | None]:
    from airflow_provider_fate.data.table import TableName
    from airflow_provider_fate.errors import FateError

    rows: dict[str, int | None] = {}
    for name in job.tables:
        try:
            table = TableName.parse(name)
            rows[name] = session.client.table.query(table.namespace, table.name).count
        except FateError:
            rows[name] = None  # a job may name a table that is not there
    return rows
