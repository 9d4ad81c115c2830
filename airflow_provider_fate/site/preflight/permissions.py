"""Whether partners may use what a job needs. Each site knows only what it has granted itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FatePermissionError
from airflow_provider_fate.jobs.validation.job import Job
from airflow_provider_fate.site.permissions import READER, permissions_of
from airflow_provider_fate.site.preflight.check import CheckResult, PreflightCheck, failed, of_error, passed, unknown

if TYPE_CHECKING:
    from airflow_provider_fate.data.table import TableName
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["components_of", "granted_here", "granted_there"]


def components_of(job: Mapping[str, Any], party_id: str | None) -> list[str]:
    """What a job runs at a party of this site."""
    tasks = Job(job).tasks.values()
    mine = [task.component_ref for task in tasks if any(party == party_id for _, party in task.parties)]
    return sorted({str(component) for component in mine})


def granted_here(
    session: SiteSession, partner: str, tables: Iterable[TableName], components: Sequence[str]
) -> Iterator[PreflightCheck]:
    """Whether a partner who starts the job may use this site's tables and components."""
    name = f"permission of {partner}"
    if not session.client.permission.roles():
        yield passed(name, "this site does not check which partner asks")
        return
    try:
        granted = permissions_of(session.client, partner)
    except FatePermissionError as error:
        yield of_error(name, error, CheckResult.UNKNOWN)
        return
    there = list(tables)
    needed = {*components, *([READER] if there else [])}
    missing = [str(table) for table in there if not granted.has(table)]
    missing += sorted(needed - set(granted.components)) if "*" not in granted.components else []
    if missing:
        advice = f"FateGrantOperator(partner={partner!r}, ...) grants it, if it is to have it."
        yield failed(name, f"it may not use {', '.join(missing)}", advice)
    else:
        yield passed(name, f"it may use {', '.join([*map(str, there), *sorted(needed)]) or 'what it was granted'}")


def granted_there(partner: str, own: str | None) -> Iterator[PreflightCheck]:
    """What a partner has granted to this site."""
    advice = (
        f"Ask its operators, where it checks who asks: airflow fate permissions {own or '<this party>'}, over there."
    )
    yield unknown(f"permission at {partner}", "only that party sees what it has granted", advice)
