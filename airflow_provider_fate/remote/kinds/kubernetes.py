"""What all kinds of work on Kubernetes objects have in common: the connection, and one watch for all that wait."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_fate.errors import FateNotFoundError, FateObjectFailed
from airflow_provider_fate.remote.states import Snapshot
from airflow_provider_fate.remote.work import Ending, Explanation, RequestT, WorkKind, WorkRef

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubernetes import AsyncKubernetesClient, Json, Mirror, Resource
    from airflow_provider_fate.hooks.kubernetes import KubernetesAccess

__all__ = ["KubernetesKind", "KubernetesRef"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KubernetesRef(WorkRef):
    """One object; holds nothing of its manifest.

    :param object_kind: its kind, such as ``FateCluster``.
    :param namespace: empty: it lives in none.
    :param uid: of the very object; another one of this name is not it. Empty: any.
    :param key: of the task that has applied it.
    :param patience: seconds for which its pods may be in trouble before it counts as failed; ``None``: for ever.
    """

    api_version: str
    object_kind: str
    namespace: str
    name: str
    uid: str = ""
    key: str = ""
    patience: float | None = None

    @property
    def place(self) -> str:
        """Namespace and name."""
        return "/".join(part for part in (self.namespace, self.name) if part)

    @property
    def id(self) -> str:
        """Its kind and its name."""
        return f"{self.object_kind} {self.place}"


class KubernetesKind(WorkKind[KubernetesRef, RequestT]):
    """Work on objects of one cluster. What waits for objects of one kind and namespace shares a list and a watch."""

    ref_type = KubernetesRef
    labels: ClassVar[str] = ""
    """Label selector of the objects that are watched."""
    pod_label: ClassVar[str] = ""
    """Label of pods that names the object they belong to; empty: their troubles are not looked at."""

    def __init__(self, conn_id: str) -> None:
        super().__init__(conn_id)
        self._access: KubernetesAccess | None = None
        self._mirrors: dict[tuple[Resource, str, str], Mirror] = {}

    async def client(self) -> AsyncKubernetesClient:
        """The client that all that wait share."""
        if self._access is None:
            from airflow_provider_fate.hooks.kubernetes import KubernetesAccess

            self._access = KubernetesAccess(self.conn_id)
        return await self._access.client()

    async def resource(self, ref: KubernetesRef) -> Resource:
        """How its kind is addressed.

        :raises FateKindNotServed: the cluster has no such kind.
        """
        return await (await self.client()).resource(ref.api_version, ref.object_kind)

    # -- looking ----------------------------------------------------------------------------------------------------

    def question(self, ref: KubernetesRef) -> Hashable:
        """All objects of a kind in a namespace are watched together."""
        return (type(self), self.conn_id, ref.api_version, ref.object_kind, ref.namespace)

    async def look(self, refs: Sequence[KubernetesRef]) -> Mapping[str, Snapshot]:
        """Where they stand, from what the watch has told."""
        found: dict[str, Snapshot] = {}
        for ref in refs:
            resource = await self.resource(ref)
            objects = await self._watched(resource, ref.namespace, self.labels)
            # What the watch does not know yet, or not any more (its label may be gone), is asked for by name.
            body = objects.get(ref.name) or await (await self.client()).get(resource, ref.namespace or None, ref.name)
            found[ref.id] = await self.stand(ref, body)
        return found

    async def stand(self, ref: KubernetesRef, body: Json | None) -> Snapshot:
        """Where one of them stands.

        :param body: the object; ``None``: there is none.
        """
        raise NotImplementedError

    async def pods(self, ref: KubernetesRef) -> list[Json]:
        """The pods of an object, from what the watch on the pods of all of them has told."""
        from airflow_provider_fate.clients.kubernetes.objects import PODS, meta

        if not self.pod_label or not ref.namespace:
            return []
        named = self.pod_value(ref)
        pods = await self._watched(PODS, ref.namespace, self.pod_label)
        return [pod for pod in pods.values() if (meta(pod).get("labels") or {}).get(self.pod_label) == named]

    def pod_value(self, ref: KubernetesRef) -> str:
        """What :attr:`pod_label` says on the pods of an object."""
        return ref.name

    def pod_selector(self, ref: KubernetesRef) -> str:
        """Label selector of the pods of one object; empty: it has none."""
        return f"{self.pod_label}={self.pod_value(ref)}" if self.pod_label else ""

    async def _watched(self, resource: Resource, namespace: str, labels: str) -> dict[str, Json]:
        from airflow_provider_fate.clients.kubernetes import Mirror

        about = (resource, namespace, labels)
        if (mirror := self._mirrors.get(about)) is None:
            mirror = self._mirrors[about] = Mirror(await self.client(), resource, namespace or None, labels)
        return await mirror.objects()

    # -- for people ---------------------------------------------------------------------------------------------------

    async def diagnose(self, ref: KubernetesRef, ending: Ending) -> Explanation:
        """Tell what Kubernetes says: conditions, events, pods, and the last lines of what fails in them."""
        from airflow_provider_fate.clients.kubernetes.describe import describe

        client, resource = await self.client(), await self.resource(ref)
        body = await client.get(resource, ref.namespace or None, ref.name)
        told = await describe(client, resource, ref.namespace or None, body, self.pod_selector(ref))
        look = f"Look further: {resource.kubectl('describe', ref.namespace, ref.name)}"
        reasons = [reason for reason in dict.fromkeys([ending.detail, *told.reasons]) if reason]
        if not ending.state.is_over:
            return Explanation(reason="\n".join([*reasons, look]), lines=told.lines)
        error = FateObjectFailed(f"{ref.id}: {'; '.join(reasons)}", hint=look, reasons=reasons, job_id=ref.id)
        return Explanation(error=error, lines=told.lines)

    async def result(self, ref: KubernetesRef, found: Mapping[str, Any] | None) -> Any:
        """What it is, and what it says of itself."""
        about = {"api_version": ref.api_version, "kind": ref.object_kind, "namespace": ref.namespace, "name": ref.name}
        return about | dict(found or {})

    async def remove(self, ref: KubernetesRef) -> bool:
        """Give the order to remove an object, after all that belongs to it.

        :returns: whether there was one.
        """
        client = await self.client()
        try:
            return await client.delete(await self.resource(ref), ref.namespace or None, ref.name, uid=ref.uid)
        except FateNotFoundError:  # its kind is gone, and with it all objects
            return False

    @classmethod
    def prepare(cls) -> None:
        """Import what the verbs need."""
        import airflow_provider_fate.clients.kubernetes
        import airflow_provider_fate.clients.kubernetes.describe
        import airflow_provider_fate.hooks.kubernetes  # noqa: F401

    async def close(self) -> None:
        """End the watches, and close the client."""
        mirrors, self._mirrors = self._mirrors, {}
        for mirror in mirrors.values():
            await mirror.close()
        if self._access is not None:
            await self._access.close()
