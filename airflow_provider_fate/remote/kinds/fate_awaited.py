"""What is waited for at a FATE site and made by others: there is nothing to submit, only something to look at."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from airflow_provider_fate.errors import FateError, is_transient
from airflow_provider_fate.remote.kinds.fate import FateKind
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Piece, RefT

__all__ = ["FateAwaited"]

log = logging.getLogger(__name__)


class FateAwaited(FateKind[RefT, RefT]):
    """Something whose reference says what is wanted of it."""

    async def find(self, attempt: Attempt, request: RefT) -> Sequence[Piece[RefT]]:
        """Check the party, and look once; a site that cannot be asked just now is waited for all the same."""
        from airflow_provider_fate.hooks.check import verify_party

        try:
            await self.blocking(lambda session: verify_party(session.site, session.client))
            seen = (await self.look([request]))[request.id]
        except FateError as e:
            if not is_transient(e):
                raise
            log.warning("%s cannot be asked just now; the wait begins all the same: %s", self.conn_id, e)
            seen = Snapshot(WorkState.QUEUED, detail="the site could not be asked")
        return [Piece(request, seen)]
