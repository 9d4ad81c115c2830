"""A site at which nothing runs any more, as something that is waited for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_fate.remote.kinds.fate_awaited import FateAwaited
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Ownership, Piece, WorkRef
from airflow_provider_fate.site.opening import close_to, running_and_stale
from airflow_provider_fate.site.records import UNFINISHED

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fate_flow.models import JobRecord
    from airflow_provider_fate.site.session import SiteSession

__all__ = ["FateIdle", "IdleSite"]

NAMED = 5
"""So many of the jobs that still run are named."""


@dataclass(frozen=True)
class IdleSite(WorkRef):
    """A site without an unfinished job.

    :param partners: to whom the site is closed before.
    :param stale_after: a partner's job of which nothing was told for so many seconds does not count.
    """

    partners: Sequence[str] = ()
    stale_after: float = 86400.0

    ownership: Ownership = field(default=Ownership.OBSERVED, kw_only=True)

    @property
    def id(self) -> str:
        """The want as text."""
        return f"a site without unfinished jobs (stale after {self.stale_after:g} s)"


class FateIdle(FateAwaited[IdleSite]):
    """The unfinished jobs of a site, of whichever role."""

    ref_type = IdleSite

    async def find(self, attempt: Attempt, request: IdleSite) -> Sequence[Piece[IdleSite]]:
        """Close the site to the partners, then look: what comes in between is waited for, too."""
        await self.blocking(lambda session: _close(session, request.partners))
        return await super().find(attempt, request)

    async def look(self, refs: Sequence[IdleSite]) -> Mapping[str, Snapshot]:
        """Read the unfinished jobs, once for all."""
        flow = await self.client()
        records = (await self.meter.of(flow.job.list(statuses=UNFINISHED, limit=0))).jobs
        return {ref.id: _judge(ref, records) for ref in refs}


def _close(session: SiteSession, partners: Sequence[str]) -> None:
    from airflow_provider_fate.hooks.check import verify_party

    verify_party(session.site, session.client)
    for partner in partners:
        close_to(session.client, partner)


def _judge(ref: IdleSite, records: Sequence[JobRecord]) -> Snapshot:
    running, stale = running_and_stale(records, datetime.now(tz=UTC) - timedelta(seconds=ref.stale_after))
    if not running:
        return Snapshot(WorkState.SUCCEEDED, found={"stale": stale})
    named = ", ".join(running[:NAMED]) + (", ..." if len(running) > NAMED else "")
    return Snapshot(WorkState.RUNNING, detail=f"{len(running)} unfinished: {named}")
