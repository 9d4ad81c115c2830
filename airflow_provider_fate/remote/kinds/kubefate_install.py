"""A cluster that is installed, or was already."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateClusterExists, FateConflictError, FateInputError
from airflow_provider_fate.remote.kinds.kubefate import ClusterRef, ClusterRequest, KubefateKind
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.times import times
from airflow_provider_fate.remote.work import Attempt, Ownership, Piece

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_fate.clients.kubefate import ClusterJob, ClusterRecord

__all__ = ["ClusterInstall", "is_in_the_way"]

log = logging.getLogger(__name__)


class ClusterInstall(KubefateKind[ClusterRequest]):
    """A cluster, until its FATE-Flow answers."""

    async def find(self, attempt: Attempt, request: ClusterRequest) -> Sequence[Piece[ClusterRef]]:
        """Find the installations of this task, by the mark in their cluster.yaml; else a cluster that is like that."""
        from airflow_provider_fate.clusters.mark import Mark

        kubefate, document = await self.client(), request.document
        pieces: list[Piece[ClusterRef]] = []
        known: set[str] = set()
        jobs = await kubefate.jobs.list()
        for job in jobs:
            mark = Mark.of(job.orders.document)
            if not _installs(job, request) or mark is None or mark.key != attempt.identity.key:
                continue
            ref = self._ref(request, job_id=job.uuid)
            seen = await self.look_at(ref)
            if not seen.state.is_bad_end:
                known.add(job.cluster_id)
            fits = document.says(_spec_of(job))
            pieces.append(Piece(ref, seen, current=mark.epoch == attempt.identity.epoch, fits=fits))
        there = await self.named(document)
        if there is None or there.uuid in known or not document.says(there.spec):
            return pieces
        works = there.status != "Rollback" or _is_rolled_back(there, jobs)
        if works and not _is_removed(there, jobs) and not _broke_off(there, jobs):
            adopted = self._ref(request, cluster_id=there.uuid, ownership=Ownership.OBSERVED)
            log.info("%s is there already, and as it shall be", adopted.id)
            pieces.append(Piece(adopted, await self.look_at(adopted)))
        return pieces

    async def submit(self, attempt: Attempt, request: ClusterRequest, found: Sequence[Piece[ClusterRef]]) -> ClusterRef:
        """Check what KubeFATE does not, make room, and begin the installation.

        :raises FateClusterExists: there is another cluster of this name.
        :raises FateInputError: the namespace does not exist, or names collide with another cluster's.
        :raises FateChartNotFound: KubeFATE has no such chart.
        """
        from airflow_provider_fate.clients.kubefate import ClusterOrder
        from airflow_provider_fate.clusters.mark import Mark

        kubefate, document = await self.client(), request.document
        await self.check_namespace(document)
        await self._make_room(attempt, request)
        if request.strict:
            await self._refuse_collisions(request)
        await self.provide_chart(request)
        attempt.go_on()
        mark = Mark(attempt.identity.key, attempt.identity.epoch)
        order = ClusterOrder(document.name, document.namespace, document.chart, document.version, document.text(mark))
        job = await kubefate.clusters.install(order)
        ref = self._ref(request, job_id=job.uuid)
        log.info("Installing %s with chart %s %s", ref.id, document.chart, document.version)
        return ref

    async def look_at(self, ref: ClusterRef) -> Snapshot:
        """The job first, then the cluster itself."""
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
            case JobStage.FAILED:
                return Snapshot(WorkState.FAILED, detail="the installation has failed")
            case JobStage.STOPPED:
                return Snapshot(WorkState.STOPPED, detail=progress.words)
        return await self.cluster_stands(ref, job.cluster_id)

    async def stop(self, ref: ClusterRef) -> None:
        """Stop the job; a cluster whose job is over, or lost, is removed.

        KubeFATE refuses to stop a job in the moment in which it is called Pending: the order is given again.
        """
        from airflow_provider_fate.clusters.progress import is_unfinished

        if not ref.job_id:
            return  # it was there before
        kubefate = await self.client()
        job = await kubefate.jobs.get(ref.job_id)
        if job is not None and is_unfinished(job):
            await kubefate.jobs.stop(job.uuid)
            return
        cluster = await kubefate.clusters.get(job.cluster_id) if job is not None and job.cluster_id else None
        if cluster is not None and cluster.status != "Deleting":
            await kubefate.clusters.delete(cluster.uuid)

    async def result(self, ref: ClusterRef, found: Mapping[str, Any] | None) -> Any:
        """Addresses of the cluster, and how Airflow connects to it; no password."""
        from airflow_provider_fate.remote.kinds.kubefate_result import describe

        cluster = await (await self.client()).clusters.get(str((found or {}).get("cluster_id")))
        return describe(ref, cluster, found or {})

    # -- inside ---------------------------------------------------------------------------------------------------

    def _ref(
        self, request: ClusterRequest, job_id: str = "", cluster_id: str = "", ownership: Ownership = Ownership.CREATED
    ) -> ClusterRef:
        document = request.document
        return ClusterRef(
            document.name,
            document.namespace,
            job_id=job_id,
            cluster_id=cluster_id,
            flow_url=request.flow_url,
            flow=request.flow,
            ownership=ownership,
        )

    async def _make_room(self, attempt: Attempt, request: ClusterRequest) -> None:
        """Wait for a removal that is under way, and remove what a lost installation of this task has left."""
        document = request.document
        there = await self.named(document)
        if there is None:
            return
        where = f"cluster {document.namespace}/{document.name}"
        jobs = await (await self.client()).jobs.list()
        if _is_removed(there, jobs):
            log.info("%s is being removed: waiting for its end", where)
            await self._gone(request, there)
            return
        if _broke_off(there, jobs, attempt.identity.key):
            log.warning("%s was left half installed when KubeFATE was restarted: removing it", where)
            attempt.go_on()
            await (await self.client()).clusters.delete(there.uuid)
            await self._gone(request, there)
            return
        differs = "" if document.says(there.spec) else ", and its cluster.yaml is another one"
        raise FateClusterExists(
            f"There is a {where} already ({there.status}, chart {there.chart_name} {there.chart_version}){differs}.",
            hint="Change it with FateClusterUpdateOperator, remove it with FateClusterDeleteOperator, or take another "
            "name.",
        )

    async def _gone(self, request: ClusterRequest, there: ClusterRecord) -> None:
        end = time.monotonic() + times().create
        while (left := await self.named(request.document)) is not None and left.uuid == there.uuid:
            if time.monotonic() > end:
                raise FateConflictError(
                    f"cluster {there.namespace}/{there.name} is being removed, and still there after "
                    f"{times().create:.0f} s.",
                    hint="Where KubeFATE was restarted meanwhile, remove it again with FateClusterDeleteOperator.",
                )
            await asyncio.sleep(times().appear_pause)

    async def _refuse_collisions(self, request: ClusterRequest) -> None:
        from airflow_provider_fate.clusters import ClusterDocument, refuse_problems
        from airflow_provider_fate.clusters.check import taken_hosts

        others = []
        for cluster in await (await self.client()).clusters.list():
            try:
                others.append(ClusterDocument.of(dict(cluster.spec)))
            except FateInputError:
                continue  # somebody has installed it with a cluster.yaml of its own kind
        refuse_problems(taken_hosts(request.document, others))


def is_in_the_way(cluster: ClusterRecord, jobs: Iterable[ClusterJob], key: str) -> bool:
    """Whether a cluster goes before an installation begins: it is being removed, or was left half done."""
    known = list(jobs)
    return _is_removed(cluster, known) or _broke_off(cluster, known, key)


def _installs(job: ClusterJob, request: ClusterRequest) -> bool:
    document, orders = request.document, job.orders
    return job.method == "ClusterInstall" and (orders.name, orders.namespace) == (document.name, document.namespace)


def _spec_of(job: ClusterJob) -> Mapping[str, Any]:
    from airflow_provider_fate.clusters import ClusterDocument

    return ClusterDocument.of(job.orders.document).values


def _is_removed(cluster: ClusterRecord, jobs: Iterable[ClusterJob]) -> bool:
    """Whether a removal is under way; its record says so only a moment after it has begun."""
    from airflow_provider_fate.clusters.progress import is_unfinished

    removals = (job for job in jobs if job.method == "ClusterDelete" and job.cluster_id == cluster.uuid)
    return cluster.status == "Deleting" or any(is_unfinished(job) for job in removals)


def _is_rolled_back(cluster: ClusterRecord, jobs: Iterable[ClusterJob]) -> bool:
    """Whether a cluster runs as before its last update, which failed; a rollback may fail, or go too far."""
    from airflow_provider_fate.clusters.progress import was_rolled_back, went_too_far

    known = [job for job in jobs if job.cluster_id == cluster.uuid]
    return was_rolled_back(known) and not went_too_far(known)


def _broke_off(cluster: ClusterRecord, jobs: Iterable[ClusterJob], key: str | None = None) -> bool:
    """Whether a cluster comes from an installation (of the task with this key) that broke off before Helm ended."""
    from airflow_provider_fate.clusters.mark import Mark
    from airflow_provider_fate.clusters.progress import JobStage, progress_of

    if cluster.status != "Creating":
        return False
    for job in jobs:
        if job.cluster_id == cluster.uuid and job.method == "ClusterInstall":
            mark = Mark.of(job.orders.document)
            own = key is None or (mark is not None and mark.key == key)
            return own and progress_of(job).stage is JobStage.FAILED
    return False
