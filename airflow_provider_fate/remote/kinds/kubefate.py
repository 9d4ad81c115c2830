"""What all kinds of work on clusters have in common: the connection, what is asked for, and a look at a cluster."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateChartNotFound, FateClusterFailed, FateError, FateInputError, FateProxyError
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Ending, Explanation, Kill, Ownership, RequestT, WorkKind, WorkRef

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubefate import AsyncKubefateClient, ClusterJob, ClusterRecord
    from airflow_provider_fate.clusters import ClusterDocument
    from airflow_provider_fate.hooks.kubefate import KubefateService

__all__ = ["ClusterRef", "ClusterRequest", "KubefateKind"]

log = logging.getLogger(__name__)

AVAILABLE = "Available"


@dataclass(frozen=True)
class ClusterRef(WorkRef):
    """A cluster that is installed, updated or removed; holds nothing of its cluster.yaml.

    :param job_id: job of KubeFATE; empty where there is nothing to do.
    :param cluster_id: KubeFATE's id of the cluster, where it is known already.
    :param flow_url: where FATE-Flow answers, if it was given.
    :param flow: whether FATE-Flow must answer.
    :param flow_version: with this version, where it was another one before.
    """

    name: str
    namespace: str
    job_id: str = ""
    cluster_id: str = ""
    flow_url: str = ""
    flow: bool = True
    flow_version: str = ""

    @property
    def id(self) -> str:
        """The cluster, and the job that changes it."""
        return f"cluster {self.namespace}/{self.name}" + (f" (job {self.job_id})" if self.job_id else "")


@dataclass(frozen=True)
class ClusterRequest:
    """What a cluster shall be.

    :param chart: packed chart that KubeFATE is given if it does not have it.
    :param flow_url: where FATE-Flow will answer, if that cannot be told from the document.
    :param flow: whether FATE-Flow must answer.
    :param strict: whether names that collide with other clusters' are refused.
    """

    document: ClusterDocument
    chart: Path | None = None
    flow_url: str = ""
    flow: bool = True
    strict: bool = True


class KubefateKind(WorkKind[ClusterRef, RequestT]):
    """Work on clusters through one KubeFATE."""

    ref_type = ClusterRef

    def __init__(self, conn_id: str) -> None:
        super().__init__(conn_id)
        self._service: KubefateService | None = None
        self._client: AsyncKubefateClient | None = None

    async def client(self) -> AsyncKubefateClient:
        """The client that all that wait share."""
        if self._client is None:
            from airflow_provider_fate.clients.kubefate import AsyncKubefateClient

            self._client = AsyncKubefateClient((await self.service()).settings())
        return self._client

    def share(self, client: AsyncKubefateClient) -> None:
        """Use the client of another kind, which closes it."""
        self._client = client

    async def service(self) -> KubefateService:
        """The connection as it is now, or as it was: Airflow may be away for a moment, which must end no wait."""
        from airflow_provider_fate.hooks.kubefate import KubefateHook

        try:
            self._service = await KubefateHook(self.conn_id).aread()
        except FateError:
            raise  # it was read, and is wrong
        except Exception as e:
            if self._service is None:
                raise
            log.warning("Connection %s cannot be read again, and is used as it was: %r", self.conn_id, e)
        return self._service

    # -- looking ----------------------------------------------------------------------------------------------------

    async def look(self, refs: Sequence[ClusterRef]) -> Mapping[str, Snapshot]:
        """Ask for each job and cluster by its id: KubeFATE's lists hold all that ever was.

        The first alone: it logs in for all, where that has to be done again.
        """
        first = [await self.meter.of(self.look_at(ref)) for ref in refs[:1]]
        others = await self.meter.of(asyncio.gather(*(self.look_at(ref) for ref in refs[1:])))
        return {ref.id: snapshot for ref, snapshot in zip(refs, [*first, *others], strict=True)}

    async def look_at(self, ref: ClusterRef) -> Snapshot:
        """Where one of them stands."""
        raise NotImplementedError

    async def cluster_stands(self, ref: ClusterRef, cluster_id: str) -> Snapshot:
        """Whether a cluster is there and works. What KubeFATE calls Running does not mean it."""
        from airflow_provider_fate.clusters import ClusterDocument
        from airflow_provider_fate.clusters.addresses import flow_url
        from airflow_provider_fate.remote.kinds.kubefate_flow import ask_flow

        cluster = await (await self.client()).clusters.get(cluster_id)
        if cluster is None:
            return Snapshot(WorkState.MISSING, detail="the cluster is not there any more")
        if cluster.status == "Deleting":
            return Snapshot(WorkState.RUNNING, detail="is being removed by somebody")
        info = cluster.info
        workloads = info.workloads if info else {}
        missing = sorted(f"{name} ({state})" for name, state in workloads.items() if state != AVAILABLE)
        if missing:
            return Snapshot(WorkState.RUNNING, detail=f"{cluster.status}; waits for {', '.join(missing)}")
        if not workloads and cluster.status != "Running":
            return Snapshot(WorkState.RUNNING, detail=f"{cluster.status}, without workloads")
        document = ClusterDocument.of(dict(cluster.spec))
        url = ref.flow_url or flow_url(document, info.ip if info else None)
        found = {"cluster_id": cluster.uuid, "flow_url": url, "flow_version": None}
        if not ref.flow or "python" not in document.modules:
            return Snapshot(WorkState.SUCCEEDED, detail=cluster.status, found=found)
        if url is None:
            return Snapshot(WorkState.RUNNING, detail="installed; where FATE-Flow answers is not known")
        answer = await ask_flow(url)
        if not answer.answered:
            return Snapshot(WorkState.RUNNING, detail=f"installed; FATE-Flow does not answer yet: {answer.words}")
        if ref.flow_version and answer.version and answer.version != ref.flow_version:
            words = f"updated; FATE-Flow is still {answer.version}, not {ref.flow_version}"
            return Snapshot(WorkState.RUNNING, detail=words)
        return Snapshot(WorkState.SUCCEEDED, detail=cluster.status, found=found | {"flow_version": answer.version})

    async def named(self, document: ClusterDocument) -> ClusterRecord | None:
        """The cluster of this name in this namespace."""
        clusters = await (await self.client()).clusters.list()
        same = [one for one in clusters if (one.name, one.namespace) == (document.name, document.namespace)]
        return same[-1] if same else None

    # -- before an order --------------------------------------------------------------------------------------------

    async def provide_chart(self, request: ClusterRequest) -> None:
        """Upload the chart if KubeFATE does not have it.

        :raises FateChartNotFound: it does not, and there is none to upload, nor in KubeFATE's public repository.
        """
        kubefate, document = await self.client(), request.document
        charts = await kubefate.charts.list()
        if any((chart.name, chart.version) == (document.chart, document.version) for chart in charts):
            return
        if request.chart is not None:
            log.info("Uploading %s as chart %s %s", request.chart, document.chart, document.version)
            await kubefate.charts.upload(request.chart)
            return
        if document.chart == "fate" and not document.version.startswith("v1."):
            raise FateChartNotFound(
                f"KubeFATE has no chart {document.chart} {document.version}, and its public repository ends with FATE "
                "1.11.2.",
                hint="Give chart= the path of the packed chart: `helm package` of helm-charts/FATE in its sources.",
            )

    async def check_namespace(self, document: ClusterDocument) -> None:
        """Check that the namespace exists: KubeFATE makes none.

        :raises FateInputError: it does not.
        """
        try:
            names = await (await self.client()).server.namespaces()
        except FateProxyError as e:
            log.warning("Whether namespace %s exists is not known: %s", document.namespace, e.message)
            return
        if document.namespace not in names:
            raise FateInputError(
                f"namespace={document.namespace!r} does not exist on Kubernetes, and KubeFATE makes none.",
                hint=f"Make it: kubectl create namespace {document.namespace}",
            )

    # -- for people ---------------------------------------------------------------------------------------------------

    async def diagnose(self, ref: ClusterRef, ending: Ending) -> Explanation:
        """Tell what has happened in KubeFATE's words, without passwords."""
        from airflow_provider_fate.clusters.progress import progress_of

        job = await (await self.client()).jobs.get(ref.job_id) if ref.job_id else None
        states = without_passwords(job)
        if not ending.state.is_over:
            return Explanation(reason=ending.detail)
        words = progress_of(job).words if job is not None else ending.detail
        if ending.state is WorkState.MISSING or job is None:
            words = ending.detail
        error = FateClusterFailed(
            f"{ref.id}: {_masked(job, words)}", hint=self.way_out(ref, words), states=states, job_id=ref.job_id or None
        )
        return Explanation(error=error, notes=[f"KubeFATE: {state}" for state in states])

    def way_out(self, ref: ClusterRef, words: str) -> str:
        """What to do about a bad end."""
        if "failed to download" in words or "valid Chart repository" in words or "valid chart repository" in words:
            return "Give chart= the path of the packed chart; KubeFATE cannot download it."
        if "namespaces" in words and "not found" in words:
            return f"Make the namespace: kubectl create namespace {ref.namespace}"
        return f"Look further: kubectl get pods,events --namespace {ref.namespace}"

    async def begun(self, attempt: Attempt, request: RequestT) -> Sequence[ClusterRef]:
        """What a kill in the middle of a submit has to stop: an installation of this task, and nothing else."""
        begun = await super().begun(attempt, request)
        return [ref for ref in begun if self.kill(ref) is Kill.STOPS]

    def kill(self, ref: ClusterRef) -> Kill:
        """An update cannot be cancelled."""
        return Kill.CANNOT if ref.ownership is Ownership.CHANGED else super().kill(ref)

    @classmethod
    def prepare(cls) -> None:
        """Import what the verbs need."""
        import airflow_provider_fate.clients.kubefate
        import airflow_provider_fate.clusters
        import airflow_provider_fate.clusters.progress
        import airflow_provider_fate.hooks.kubefate
        import airflow_provider_fate.remote.kinds.kubefate_flow  # noqa: F401

    async def close(self) -> None:
        """Close the client."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()


def without_passwords(job: ClusterJob | None) -> list[str]:
    """What has happened, as far as a job tells: Helm may quote the cluster.yaml."""
    return [_masked(job, state) for state in job.states] if job is not None else []


def _masked(job: ClusterJob | None, text: str) -> str:
    from airflow_provider_fate.clusters import ClusterDocument
    from airflow_provider_fate.clusters.secrets import masked, secret_values

    if job is None or not job.orders.document:
        return text
    try:
        values: Mapping[str, Any] = ClusterDocument.of(job.orders.document).values
    except FateInputError:
        return text
    return masked(text, secret_values(values))
