"""The smallest jobs that there are, with which a site asks a partner something."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_fate.hooks.site import FateSite
    from airflow_provider_fate.jobs.builder import DagBuilder

PROBE_PRIORITY = 1000
"""Before the jobs that wait: a probe takes one core, for seconds."""
PROBE_LIMIT = timedelta(minutes=2)


def probe_of(conn_id: str, site: FateSite, partner: str, *, own: str) -> DagBuilder:
    """A job of this site, as guest, and a partner, as host, with nothing in it yet.

    :param conn_id: name of the site's connection, for people.
    :param partner: the partner's party id, as the user gave it.
    :param own: what to use where the partner is this site itself.
    :raises FateInputError: there can be no such job.
    """
    from airflow_provider_fate.clients.fate_flow.names import check_id
    from airflow_provider_fate.errors import FateInputError
    from airflow_provider_fate.jobs.builder import DagBuilder

    check_id("partner", partner)
    if site.party_id is None:
        raise FateInputError(
            f"Connection {conn_id!r} has no party id, which a job needs to name this site.",
            hint="Set the party id of the connection.",
        )
    if partner == site.party_id:
        raise FateInputError(f"partner={partner!r} is this site itself.", hint=own)
    return DagBuilder({"guest": [site.party_id], "host": [partner]}, {"cores": 1, "priority": PROBE_PRIORITY})
