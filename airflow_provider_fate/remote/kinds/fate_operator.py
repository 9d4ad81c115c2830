"""Objects of FATE-Operator: KubeFATE, clusters and jobs, with the failures that its controller does not tell."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.remote.kinds.fate_operator_guard import refuse_others
from airflow_provider_fate.remote.kinds.kubernetes import KubernetesRef
from airflow_provider_fate.remote.kinds.kubernetes_apply import KubernetesApply, KubernetesManifest
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Kill

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubernetes import Json, Judgement

__all__ = ["FateClusterApply", "FateClusterManifest", "FateClusterRef", "FateJobApply", "KubefateApply"]

BARE = 600.0
"""Seconds for which a cluster that is being installed may have no pod at all."""
EMPTIED = 30.0
"""Likewise, where there were pods before."""


class _OfFateOperator(KubernetesApply):
    pod_label = "name"

    async def check(self, attempt: Attempt, request: KubernetesManifest, there: Json | None) -> None:
        from airflow_provider_fate.clusters.fate_operator import check_release

        check_release(await (await self.client()).version())


class KubefateApply(_OfFateOperator):
    """KubeFATE's service, until its Deployments have pods that are ready: its object says so before."""

    def judge(self, body: Json) -> Judgement:
        """What the controller says."""
        from airflow_provider_fate.clusters.fate_operator import judge_kubefate

        return judge_kubefate(body)

    async def confirm(self, ref: KubernetesRef, body: Json, said: Judgement) -> Judgement:
        """Whether there are pods."""
        from airflow_provider_fate.clients.kubernetes import waiting

        client = await self.client()
        deployments = await client.resource("apps/v1", "Deployment")
        for part in ("kubefate", "mariadb"):
            name = f"kubefate-{part}-{ref.name}"
            one = await client.get(deployments, ref.namespace, name)
            if one is None or not (one.get("status") or {}).get("availableReplicas"):
                return waiting(f"the controller says Running; Deployment {name} has no pod that is ready")
        return said


@dataclass(frozen=True)
class FateClusterRef(KubernetesRef):
    """A cluster.

    :param shared: others' objects may be in its namespace: a kill must not remove it.
    :param pull_secrets: of its namespace, which it uses.
    """

    shared: bool = False
    pull_secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class FateClusterManifest(KubernetesManifest):
    """What a cluster shall be; see :class:`FateClusterRef`."""

    shared: bool = False

    def ref(self) -> FateClusterRef:
        """The cluster that it is about."""
        about = super().ref()
        return FateClusterRef(
            *(about.api_version, about.object_kind, about.namespace, about.name),
            patience=about.patience,
            shared=self.shared,
            pull_secrets=pull_secrets_of(self.body),
        )


class FateClusterApply(_OfFateOperator):
    """A cluster, until the controller says that it runs; or until nothing is left of its installation."""

    ref_type = FateClusterRef

    def __init__(self, conn_id: str) -> None:
        super().__init__(conn_id)
        self._bare: dict[str, _Bare] = {}

    def judge(self, body: Json) -> Judgement:
        """What the controller says."""
        from airflow_provider_fate.clusters.fate_operator import judge_cluster

        return judge_cluster(body)

    async def check(self, attempt: Attempt, request: KubernetesManifest, there: Json | None) -> None:
        """Look for its KubeFATE, and for what might be destroyed."""
        await super().check(attempt, request, there)
        client, about = await self.client(), request.ref()
        used = request.body["spec"]["kubefate"]
        kubefates = await client.resource(about.api_version, "Kubefate")
        if await client.get(kubefates, used["namespace"], used["name"]) is None:
            raise FateInputError(
                f"kubefate={used['namespace']}/{used['name']}: there is no such Kubefate, and {about.id} would wait "
                "for it for ever.",
                hint=f"What there is: {kubefates.kubectl('get', None)} --all-namespaces",
            )
        if isinstance(about, FateClusterRef) and not about.shared:
            way_out = "Give it a namespace of its own, or accept the loss with shared_namespace=True."
            await refuse_others(client, about.namespace, about.name, about.pull_secrets, way_out)

    async def unready(self, ref: KubernetesRef, body: Json, reason: str) -> Snapshot:
        """Where it stands while the controller says that it is being installed, as it does for ever if that fails."""
        seen = await super().unready(ref, body, reason)
        status = body.get("status") or {}
        if seen.state.is_over or not status.get("jobId"):
            return seen
        bare = self._bare.setdefault(ref.id, _Bare())
        if await self.pods(ref):
            self._bare[ref.id] = replace(bare, had=True, since=None)
            return seen
        bare = self._bare[ref.id] = replace(bare, since=monotonic() if bare.since is None else bare.since)
        assert bare.since is not None
        if monotonic() - bare.since < (EMPTIED if bare.had else BARE):
            return seen
        what = "has removed all pods again" if bare.had else f"has made no pod for {BARE:.0f} s"
        return Snapshot(
            WorkState.FAILED,
            detail=f"{status.get('status')}, but KubeFATE {what}, as where an installation fails; the controller does "
            f"not tell. Ask KubeFATE: kubefate job describe {status['jobId']}",
        )

    def kill(self, ref: KubernetesRef) -> Kill:
        """It is not removed where others' objects might go with it."""
        return Kill.LEAVES if isinstance(ref, FateClusterRef) and ref.shared else super().kill(ref)

    async def stop(self, ref: KubernetesRef) -> None:
        """Remove it.

        :raises FateConflictError: others' objects would go with it.
        """
        assert isinstance(ref, FateClusterRef)
        client = await self.client()
        way_out = f"Move them away, then remove it with FateResourceDeleteOperator: {ref.place}"
        await refuse_others(client, ref.namespace, ref.name, ref.pull_secrets, way_out)
        await super().stop(ref)


@dataclass(frozen=True)
class _Bare:
    """Since when an installation has no pods, and whether it ever had."""

    had: bool = False
    since: float | None = field(default=None)


class FateJobApply(_OfFateOperator):
    """A job of FATE 1.x, until its pod has ended. The controller ignores changes: each run is an object of its own."""

    once = True

    def judge(self, body: Json) -> Judgement:
        """What the controller says, and the Job that it has made."""
        from airflow_provider_fate.clusters.fate_operator import judge_job

        return judge_job(body)

    async def check(self, attempt: Attempt, request: KubernetesManifest, there: Json | None) -> None:
        """Look for the cluster that it runs on."""
        await super().check(attempt, request, there)
        client, about = await self.client(), request.ref()
        used = request.body["spec"]["fateClusterRef"]
        clusters = await client.resource(about.api_version, "FateCluster")
        if await client.get(clusters, used["namespace"], used["name"]) is None:
            raise FateInputError(
                f"cluster={used['namespace']}/{used['name']}: there is no such FateCluster, and {about.id} would wait "
                "for it for ever.",
                hint=f"What there is: {clusters.kubectl('get', None)} --all-namespaces",
            )


def pull_secrets_of(body: Any) -> tuple[str, ...]:
    spec = (body.get("spec") or {}).get("clusterSpec") or {}
    return tuple(str(one["name"]) for one in spec.get("imagePullSecrets") or () if one.get("name"))
