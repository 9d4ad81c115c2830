"""A cluster that is removed, or is not there."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateClusterFailed, FateConflictError
from airflow_provider_fate.remote.kinds.kubefate import ClusterRef, KubefateKind, without_passwords
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Kill, Ownership, Piece

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubefate import ClusterJob, ClusterRecord

__all__ = ["ClusterDelete", "ClusterName"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClusterName:
    """A cluster, by its name."""

    name: str
    namespace: str


class ClusterDelete(KubefateKind[ClusterName]):
    """A removal. KubeFATE cannot cancel it."""

    async def find(self, attempt: Attempt, request: ClusterName) -> Sequence[Piece[ClusterRef]]:
        """Find a removal that is under way; a cluster that is not there is removed."""
        from airflow_provider_fate.clusters.progress import is_unfinished

        rows, jobs = await self._records(request)
        live = [row for row in rows if row.deleted is None]
        for job in jobs:
            if is_unfinished(job) and any(job.cluster_id == row.uuid for row in live):
                ref = self._ref(request, job.cluster_id, job.uuid)
                return [Piece(ref, await self.look_at(ref))]
        if live or _left_by_helm(rows, jobs) is not None:
            return []
        gone = self._ref(request, ownership=Ownership.OBSERVED)
        return [Piece(gone, Snapshot(WorkState.SUCCEEDED, detail="not there", found={"removed": False}))]

    async def submit(self, attempt: Attempt, request: ClusterName, found: Sequence[Piece[ClusterRef]]) -> ClusterRef:
        """Begin the removal.

        :raises FateConflictError: the cluster is being updated; KubeFATE's worker would never come to an end.
        :raises FateClusterFailed: KubeFATE has forgotten the cluster, and Helm could not remove it.
        """
        from airflow_provider_fate.clusters.progress import is_unfinished

        rows, removals = await self._records(request)
        kubefate = await self.client()
        live = [row for row in rows if row.deleted is None]
        if not live:
            left = _left_by_helm(rows, removals)
            raise FateClusterFailed(
                f"KubeFATE has forgotten cluster {request.namespace}/{request.name}, and Helm could not remove it: "
                f"{'; '.join(without_passwords(left)) or 'why is not known'}",
                hint=f"Remove it by hand: helm uninstall {request.name} --namespace {request.namespace}",
            )
        cluster = live[-1]
        for job in await kubefate.jobs.list():
            if job.cluster_id == cluster.uuid and job.method == "ClusterUpdate" and is_unfinished(job):
                raise FateConflictError(
                    f"cluster {request.namespace}/{request.name} is being updated (job {job.uuid}).",
                    hint="Remove it when that has ended: else a worker of KubeFATE spins for ever.",
                )
        attempt.go_on()
        began = await kubefate.clusters.delete(cluster.uuid)
        ref = self._ref(request, cluster.uuid, began.uuid if began else "")
        log.info("Removing %s", ref.id)
        return ref

    async def look_at(self, ref: ClusterRef) -> Snapshot:
        """The job; where it is not known any more, the cluster."""
        from airflow_provider_fate.clusters.progress import JobStage, progress_of

        kubefate = await self.client()
        job = await kubefate.jobs.get(ref.job_id) if ref.job_id else None
        if job is None:
            clusters = await kubefate.clusters.list()
            there = any((one.name, one.namespace) == (ref.name, ref.namespace) for one in clusters)
            detail = "the record of its removal was deleted" if there else "not there"
            found = {"removed": bool(ref.cluster_id)}
            return Snapshot(WorkState.MISSING if there else WorkState.SUCCEEDED, detail=detail, found=found)
        progress = progress_of(job)
        match progress.stage:
            case JobStage.RUNS:
                return Snapshot(WorkState.RUNNING, detail=progress.words)
            case JobStage.DONE:
                return Snapshot(WorkState.SUCCEEDED, detail=progress.words, found={"removed": True})
        return Snapshot(WorkState.FAILED, detail="the removal has failed")

    async def result(self, ref: ClusterRef, found: Mapping[str, Any] | None) -> Any:
        """What was removed."""
        return {"name": ref.name, "namespace": ref.namespace, "removed": bool((found or {}).get("removed"))}

    def kill(self, ref: ClusterRef) -> Kill:
        """It goes on in any case."""
        return Kill.CANNOT if ref.job_id else Kill.LEAVES

    def way_out(self, ref: ClusterRef, words: str) -> str:
        """What to do about a bad end."""
        if "was restarted" in words:
            return "Remove it again: the next try does."
        return (
            f"KubeFATE has forgotten the cluster. Remove what is left: helm uninstall {ref.name} --namespace "
            f"{ref.namespace}"
        )

    async def _records(self, request: ClusterName) -> tuple[list[ClusterRecord], list[ClusterJob]]:
        """All clusters of this name that ever were, oldest first, and all removals."""
        kubefate = await self.client()
        wanted = (request.name, request.namespace)
        rows = [row for row in await kubefate.clusters.list(removed=True) if (row.name, row.namespace) == wanted]
        return rows, [job for job in await kubefate.jobs.list() if job.method == "ClusterDelete"]

    def _ref(
        self,
        request: ClusterName,
        cluster_id: str = "",
        job_id: str = "",
        *,
        ownership: Ownership = Ownership.CREATED,
    ) -> ClusterRef:
        return ClusterRef(
            request.name, request.namespace, job_id=job_id, cluster_id=cluster_id, flow=False, ownership=ownership
        )


def _left_by_helm(rows: Sequence[ClusterRecord], removals: Sequence[ClusterJob]) -> ClusterJob | None:
    """The removal that has failed of the newest cluster of this name; its release may still be on Kubernetes."""
    from airflow_provider_fate.clusters.progress import JobStage, progress_of

    last = next((job for job in reversed(removals) if rows and job.cluster_id == rows[-1].uuid), None)
    failed = last is not None and last.status == "Failed" and progress_of(last).stage is JobStage.FAILED
    return last if failed else None
