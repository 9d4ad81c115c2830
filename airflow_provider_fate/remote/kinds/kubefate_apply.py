"""A cluster that shall be as it is said, whether it is there or not: installed, changed, or left as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from airflow_provider_fate.remote.kinds.kubefate import ClusterRef, ClusterRequest, KubefateKind
from airflow_provider_fate.remote.kinds.kubefate_install import ClusterInstall, is_in_the_way
from airflow_provider_fate.remote.kinds.kubefate_update import ClusterUpdate
from airflow_provider_fate.remote.states import Snapshot
from airflow_provider_fate.remote.work import Attempt, Ownership, Piece

__all__ = ["ClusterApply"]

PartT = TypeVar("PartT", ClusterInstall, ClusterUpdate)


class ClusterApply(KubefateKind[ClusterRequest]):
    """An installation where there is no cluster of this name, else an update.

    What becomes of it when the task is killed is as with either: an installation is stopped and removed, an update goes
    on.
    """

    def __init__(self, conn_id: str) -> None:
        super().__init__(conn_id)
        self._install = ClusterInstall(conn_id)
        self._update = ClusterUpdate(conn_id)

    async def find(self, attempt: Attempt, request: ClusterRequest) -> Sequence[Piece[ClusterRef]]:
        """Find what this task has begun, or the cluster as it shall be.

        A cluster that this task has installed, and that shall be different by now, is changed and not removed.
        """
        installed = await (await self._part(self._install)).find(attempt, request)
        if await self.named(request.document) is None:
            return installed
        fitting = [piece for piece in installed if piece.fits and not piece.seen.state.is_bad_end]
        return fitting or await (await self._part(self._update)).find(attempt, request)

    async def submit(self, attempt: Attempt, request: ClusterRequest, found: Sequence[Piece[ClusterRef]]) -> ClusterRef:
        """Begin the installation or the update.

        :raises FateInputError: as with an installation.
        :raises FateConflictError: another job changes the cluster just now.
        """
        there = await self.named(request.document)
        jobs = await (await self.client()).jobs.list() if there is not None else []
        if there is None or is_in_the_way(there, jobs, attempt.identity.key):
            return await (await self._part(self._install)).submit(attempt, request, found)
        return await (await self._part(self._update)).submit(attempt, request, found)

    async def look_at(self, ref: ClusterRef) -> Snapshot:
        """As with either."""
        return await (await self._of(ref)).look_at(ref)

    async def stop(self, ref: ClusterRef) -> None:
        """Stop an installation."""
        await (await self._part(self._install)).stop(ref)

    async def result(self, ref: ClusterRef, found: Mapping[str, object] | None) -> object:
        """As of a deployment; and whether anything was changed."""
        return await (await self._of(ref)).result(ref, found) | {"changed": bool(ref.job_id)}

    def way_out(self, ref: ClusterRef, words: str) -> str:
        """As with either."""
        return (self._update if ref.ownership is Ownership.CHANGED else self._install).way_out(ref, words)

    async def _of(self, ref: ClusterRef) -> ClusterInstall | ClusterUpdate:
        if ref.ownership is Ownership.CHANGED:
            return await self._part(self._update)
        return await self._part(self._install)

    async def _part(self, part: PartT) -> PartT:
        """One of the two, with this one's client."""
        part.share(await self.client())
        return part
