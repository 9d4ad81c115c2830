"""A cluster that somebody else installs, changes or removes, as something that is waited for."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_fate.errors import FateError, is_transient
from airflow_provider_fate.remote.kinds.kubefate import ClusterRef, KubefateKind
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Kill, Piece

__all__ = ["ClusterAwaited"]

log = logging.getLogger(__name__)


class ClusterAwaited(KubefateKind[ClusterRef]):
    """A cluster by its name, until it stands, no job changes it, and its FATE-Flow answers."""

    async def find(self, attempt: Attempt, request: ClusterRef) -> Sequence[Piece[ClusterRef]]:
        """Look once."""
        try:
            seen = await self.look_at(request)
        except FateError as e:
            if not is_transient(e):
                raise
            log.warning("%s cannot be asked just now; the wait begins all the same: %s", self.conn_id, e)
            seen = Snapshot(WorkState.QUEUED, detail="KubeFATE could not be asked")
        return [Piece(request, seen)]

    async def look_at(self, ref: ClusterRef) -> Snapshot:
        """Whether it stands, and is at rest."""
        from airflow_provider_fate.clusters.progress import is_unfinished, progress_of

        kubefate = await self.client()
        there = [
            one for one in await kubefate.clusters.list() if (one.name, one.namespace) == (ref.name, ref.namespace)
        ]
        if not there:
            return Snapshot(WorkState.QUEUED, detail="there is no such cluster")
        cluster = there[-1]
        jobs = [job for job in await kubefate.jobs.list() if job.cluster_id == cluster.uuid and is_unfinished(job)]
        seen = await self.cluster_stands(replace(ref, flow_version=""), cluster.uuid)
        if seen.state is not WorkState.SUCCEEDED:
            return Snapshot(WorkState.QUEUED, detail=seen.detail)
        if jobs:
            return Snapshot(WorkState.QUEUED, detail=f"{jobs[-1].method}: {progress_of(jobs[-1]).words}")
        version = (seen.found or {}).get("flow_version")
        if ref.flow_version and version and not f"{version}.".startswith(f"{ref.flow_version}."):
            return Snapshot(WorkState.QUEUED, detail=f"FATE-Flow is {version}, not {ref.flow_version}")
        return seen

    async def result(self, ref: ClusterRef, found: Mapping[str, Any] | None) -> Any:
        """As of a deployment."""
        from airflow_provider_fate.remote.kinds.kubefate_result import describe

        cluster = await (await self.client()).clusters.get(str((found or {}).get("cluster_id")))
        return describe(ref, cluster, found or {})

    def kill(self, ref: ClusterRef) -> Kill:
        """It is somebody else's."""
        return Kill.LEAVES
