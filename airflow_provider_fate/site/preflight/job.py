"""Whether a job can run at all, as far as its description tells, and on as many cores as there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateAuthError, FateInvalidJobError, FateNotOfferedError
from airflow_provider_fate.jobs.validate import check_dag
from airflow_provider_fate.jobs.validation.job import Job, mapping
from airflow_provider_fate.site.load import FREE
from airflow_provider_fate.site.preflight.check import PreflightCheck, failed, passed, unknown, warned

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import ServerConfiguration
    from airflow_provider_fate.errors import FateError
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["configuration_of", "cores_check", "job_check", "wrong_job"]

JOB_CORES = 4
"""What FATE-Flow claims for a job, and for each task, that names nothing, unless its operator has changed it."""


def wrong_job(error: FateError) -> Iterator[PreflightCheck]:
    """What was given as the job is none."""
    yield failed("job", _problems(error), "Correct the job; nothing of it can be looked at before.")


def job_check(job: Mapping[str, Any], party_id: str | None) -> Iterator[PreflightCheck]:
    """What the project's own validation says of a job, but for its cores."""
    problems = check_dag(job, party_id=party_id)
    if problems:
        found = "; ".join(f"{one.field}: {one.reason}" for one in problems)
        yield failed("job", found, " ".join(dict.fromkeys(one.fix for one in problems)))
    else:
        seen = Job(job)
        parties = ", ".join(f"{role} {party}" for role, party in seen.parties)
        yield passed("job", f"{len(seen.tasks)} tasks of {parties}")


def configuration_of(session: SiteSession) -> ServerConfiguration | None:
    """What the server says of its settings; ``None``: it does not tell this client."""
    try:
        return session.client.server.configuration()
    except (FateAuthError, FateNotOfferedError):
        return None


@dataclass(frozen=True)
class _Demand:
    """Cores that a job takes at this site.

    :param each: of the pool, for each party.
    :param parties: how many of its parties this site's pool serves.
    :param said: whether the job names them itself.
    """

    each: int
    parties: int
    said: bool

    @property
    def total(self) -> int:
        return self.each * self.parties

    def __str__(self) -> str:
        source = "" if self.said else f" ({JOB_CORES} are FATE's default, which the server may have changed)"
        return (f"{self.each} cores" if self.parties < 2 else f"{self.parties} parties with {self.each} cores") + source


def cores_check(
    session: SiteSession, server: ServerConfiguration | None, job: Mapping[str, Any] | None, *, standalone: bool
) -> Iterator[PreflightCheck]:
    """Compare what a job asks for with what there is.

    :param server: what the server says of its settings.
    :param standalone: one server serves all the parties, from one pool.
    """
    declared, real = session.site.cores, server.cores if server is not None else None
    if declared is not None and real is not None and declared != real:
        found = f"the connection says {declared}, and the server's configuration {real}"
        yield warned("cores of the site", found, f"Set cores of the connection to {real}.")
    pool = real if real is not None else declared
    if pool is None:
        advice = "Set cores of the connection (computing.<engine>.cores in FATE-Flow's service_conf.yaml)."
        yield unknown("cores", "neither the connection nor the server says how many there are", advice)
        return
    if job is None:
        yield passed("cores", f"{pool} of this site's pool")
        return
    problems = check_dag(job, cores=pool)
    demand = _demand(Job(job), session.site.party_id, standalone=standalone)
    if over := [one for one in problems if one.field.endswith("cores")]:
        found = "; ".join(f"{one.field} is {one.value}; {one.reason}" for one in over)
        yield failed("cores", found, over[0].fix)
    elif demand.total > pool:
        found = f"the job asks for {demand}, and the site has {pool}"
        waits = "it would wait for ever" if demand.each <= pool else "FATE-Flow would fail it at once"
        advice = f"Ask for less (job_cores of the recipe, conf.cores), or give the site more: {waits}."
        yield (failed if demand.said else warned)("cores", found, advice)
    else:
        yield passed("cores", f"{demand} asked, of {pool}")


def _demand(job: Job, party_id: str | None, *, standalone: bool) -> _Demand:
    served = [party for party in job.parties if party[0] != FREE and (standalone or party[1] == party_id)]
    asked, run = job.conf.get("cores"), mapping(mapping(job.conf.get("task")).get("engine_run")).get("cores")
    named = [cores for cores in (asked, run) if isinstance(cores, int)]
    # What a job claims is raised to what its tasks take.
    return _Demand(max(named) if len(named) == 2 else max([*named, JOB_CORES]), len(served), len(named) == 2)


def _problems(error: FateError) -> str:
    if isinstance(error, FateInvalidJobError) and error.problems:
        return "; ".join(f"{one.field}: {one.reason}" for one in error.problems)
    return " ".join(error.message.split())
