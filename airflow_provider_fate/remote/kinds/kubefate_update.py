"""A cluster that is changed, or is like that already."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateClusterNotFound, FateConflictError
from airflow_provider_fate.remote.kinds.kubefate import ClusterRef, ClusterRequest, KubefateKind
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Ownership, Piece

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubefate import ClusterJob, ClusterRecord

__all__ = ["ClusterUpdate"]

log = logging.getLogger(__name__)


class ClusterUpdate(KubefateKind[ClusterRequest]):
    """A change of a cluster, until its FATE-Flow answers again. KubeFATE cannot cancel it."""

    async def find(self, attempt: Attempt, request: ClusterRequest) -> Sequence[Piece[ClusterRef]]:
        """Find the updates of this task, by the mark in their cluster.yaml; else the cluster, if it is like that."""
        from airflow_provider_fate.clusters import ClusterDocument
        from airflow_provider_fate.clusters.mark import Mark
        from airflow_provider_fate.clusters.progress import is_unfinished

        document = request.document
        there = await self.named(document)
        if there is None:
            return []
        jobs = [job for job in await (await self.client()).jobs.list() if job.cluster_id == there.uuid]
        updates = [job for job in jobs if job.method == "ClusterUpdate"]
        pieces = []
        for job in updates:
            mark = Mark.of(job.orders.document)
            if mark is None or mark.key != attempt.identity.key:
                continue
            ref = self._ref(request, there.uuid, job.uuid, self._new_version(request, jobs, job))
            fits = document.says(ClusterDocument.of(job.orders.document).values) and job is updates[-1]
            current = mark.epoch == attempt.identity.epoch
            pieces.append(Piece(ref, await self.look_at(ref), current=current, fits=fits))
        busy = any(is_unfinished(job) for job in jobs)
        done = any(piece.fits and not piece.seen.state.is_bad_end for piece in pieces)
        usable = there.status not in ("Rollback", "Deleting") and not busy
        if not done and usable and document.says(there.spec):
            log.info("cluster %s/%s is as it shall be", there.namespace, there.name)
            same = self._ref(request, there.uuid, ownership=Ownership.OBSERVED)
            pieces.append(Piece(same, await self.look_at(same)))
        return pieces

    async def submit(self, attempt: Attempt, request: ClusterRequest, found: Sequence[Piece[ClusterRef]]) -> ClusterRef:
        """Begin the update, unless another job changes the cluster: KubeFATE locks nothing.

        :raises FateClusterNotFound: there is no such cluster.
        :raises FateConflictError: another job changes it just now.
        :raises FateInvalidParameterError: KubeFATE cannot update to this chart.
        """
        from airflow_provider_fate.clients.kubefate import ClusterOrder
        from airflow_provider_fate.clusters.mark import Mark
        from airflow_provider_fate.clusters.progress import is_unfinished

        kubefate, document = await self.client(), request.document
        there = await self.named(document)
        if there is None:
            raise FateClusterNotFound(
                f"KubeFATE has no cluster {document.name!r} in namespace {document.namespace!r}.",
                hint="Deploy it first, with FateClusterDeployOperator.",
            )
        for job in await kubefate.jobs.list():
            if job.cluster_id == there.uuid and is_unfinished(job):
                raise FateConflictError(
                    f"cluster {there.namespace}/{there.name} is changed by another job just now: {job.method} "
                    f"{job.uuid} ({job.status}).",
                    hint="KubeFATE would mix both: wait for its end.",
                )
        await self.provide_chart(request)
        attempt.go_on()
        text = document.text(Mark(attempt.identity.key, attempt.identity.epoch))
        order = ClusterOrder(document.name, document.namespace, document.chart, document.version, text)
        began = await kubefate.clusters.update(order)
        if began is None:
            await self._refuse_rolled_back_too_far(there)
            log.info("KubeFATE says that the configuration did not change")
            return self._ref(request, there.uuid, ownership=Ownership.OBSERVED)
        changed = there.spec.get("chartVersion") != document.version
        ref = self._ref(request, there.uuid, began.uuid, document.version.lstrip("v") if changed else "")
        log.info("Updating %s to chart %s %s", ref.id, document.chart, document.version)
        return ref

    async def look_at(self, ref: ClusterRef) -> Snapshot:
        """The job first; its success comes before the new pods, so the cluster itself is looked at after."""
        from airflow_provider_fate.clusters.progress import JobStage, progress_of

        if not ref.job_id:
            return await self.cluster_stands(ref, ref.cluster_id)
        job = await (await self.client()).jobs.get(ref.job_id)
        if job is None:
            return Snapshot(WorkState.MISSING, detail="KubeFATE's record of the job was deleted")
        progress = progress_of(job)
        match progress.stage:
            case JobStage.RUNS:
                return Snapshot(WorkState.RUNNING, detail=progress.words)
            case JobStage.DONE | JobStage.LOST_AFTER_HELM:
                return await self.cluster_stands(ref, ref.cluster_id)
        return Snapshot(WorkState.FAILED, detail="the update has failed")

    async def result(self, ref: ClusterRef, found: Mapping[str, Any] | None) -> Any:
        """As of a deployment; and whether anything was changed."""
        from airflow_provider_fate.remote.kinds.kubefate_result import describe

        cluster = await (await self.client()).clusters.get(ref.cluster_id)
        return describe(ref, cluster, found or {}) | {"changed": bool(ref.job_id)}

    async def _refuse_rolled_back_too_far(self, there: ClusterRecord) -> None:
        from airflow_provider_fate.clusters.progress import went_too_far

        jobs = [job for job in await (await self.client()).jobs.list() if job.cluster_id == there.uuid]
        if there.status == "Rollback" and went_too_far(jobs):
            raise FateConflictError(
                f"cluster {there.namespace}/{there.name} was rolled back to what was installed at first, and KubeFATE "
                "takes it for what it was before the last update: it refuses this one as no change.",
                hint="Change something of the cluster.yaml with it, or remove the cluster and deploy it.",
            )

    def way_out(self, ref: ClusterRef, words: str) -> str:
        """What to do about a bad end."""
        if words.startswith("rolled back"):
            return (
                "The cluster runs as before, or as it was installed at first if it was updated before: KubeFATE goes "
                "back too far then. KubeFATE calls it Rollback, and shows the chart that failed, until it is "
                "updated again or removed."
            )
        if "upgrade of the database" in words:
            return (
                "Upload the chart fate-upgrade-manager v1.0.0 where KubeFATE cannot download it, and look: kubectl get "
                f"jobs,pods --namespace {ref.namespace}. The cluster stays Updating until another update."
            )
        return super().way_out(ref, words)

    def _ref(
        self,
        request: ClusterRequest,
        cluster_id: str,
        job_id: str = "",
        version: str = "",
        *,
        ownership: Ownership = Ownership.CHANGED,
    ) -> ClusterRef:
        return ClusterRef(
            request.document.name,
            request.document.namespace,
            job_id=job_id,
            cluster_id=cluster_id,
            flow_url=request.flow_url,
            flow=request.flow,
            flow_version=version,
            ownership=ownership,
        )

    def _new_version(self, request: ClusterRequest, jobs: Sequence[ClusterJob], job: ClusterJob) -> str:
        """The version of FATE, where the job before had another one."""
        before = [other.orders.chart_version for other in jobs if other.uuid != job.uuid and other.orders.chart_version]
        version = request.document.version
        return version.lstrip("v") if before and before[-1] != version else ""
