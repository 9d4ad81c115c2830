"""Whether partners can be worked with, as far as this site knows: app ids, and how the last jobs with them went."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateNotOfferedError, FatePermissionError
from airflow_provider_fate.site.diagnosis import diagnose
from airflow_provider_fate.site.load import spoken
from airflow_provider_fate.site.partners import partner
from airflow_provider_fate.site.preflight.check import PreflightCheck, failed, passed, unknown, warned
from airflow_provider_fate.site.ref import JobRef

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["contact_check", "trust_check"]

LAST = 50
"""So many of the site's newest records are looked through; they weigh half a megabyte."""
TELLING = ("success", "failed", "timeout")
"""Ends that say something of the partner: a canceled job does not."""
RECENT = 900.0
"""A partner that did not take a job so many seconds ago is taken to be as it was then."""


def trust_check(session: SiteSession, party: str) -> Iterator[PreflightCheck]:
    """Whether both have given the other an app id, where they have to."""
    name = f"partner {party} app ids"
    try:
        known = partner(session.client, party)
    except FateNotOfferedError:
        return  # nobody signs anything
    except FatePermissionError:
        advice = f"With an app that may: airflow fate partner verify {party}."
        yield unknown(name, "this connection's app may not look at the app ids of partners", advice)
        return
    if known.lacking:
        yield failed(name, known.lacking, f"airflow fate partner exchange {party}, at both sites.")
    else:
        yield passed(name, "exchanged, as far as this site knows")


def contact_check(session: SiteSession, party: str, now: float, max_age: float) -> Iterator[PreflightCheck]:
    """How the last jobs with a partner went. Only a job can tell how it is now, and none is run here.

    :param now: Unix time by the server's clock.
    :param max_age: seconds for which a success counts.
    """
    name = f"partner {party}"
    toy = f"FateConnectivityOperator(partner={party!r}) finds out with a job of seconds."
    told = [job for job in session.client.job.list(limit=LAST, partner=party).jobs if str(job.status) in TELLING]
    if not told:
        yield warned(name, f"no job with it has ended among the last {LAST} records of this site", toy)
        return
    last = told[0]
    if str(last.status) != "success":
        yield _after_failure(session, name, last, now, toy)
        return
    age = _age(last, now)
    found = f"job {last.job_id} with it has succeeded {spoken(age)} ago"
    yield passed(name, found) if age <= max_age else warned(name, f"{found}, and none since", toy)


def _after_failure(session: SiteSession, name: str, last: JobRecord, now: float, toy: str) -> PreflightCheck:
    said = diagnose(session.client, JobRef.of(last), str(last.status))
    age = _age(last, now)
    if said.not_created or said.reason == "unreachable_party":
        why = said.not_created or "a server was not reached"
        found = f"the last job with it, {last.job_id} of {spoken(age)} ago, did not come about: {why}"
        return (failed if age <= RECENT else warned)(name, found, f"Ask its operators whether its site runs. {toy}")
    found = f"the last job with it, {last.job_id} of {spoken(age)} ago, has ended {last.status}"
    return warned(name, found, f"airflow fate diagnose {last.job_id} says why. {toy}")


def _age(job: JobRecord, now: float) -> float:
    ended: datetime | None = job.end_time or job.update_time or job.create_time
    return max(0.0, now - ended.timestamp()) if ended is not None else float("inf")
