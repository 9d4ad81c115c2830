"""An object that is removed, with all that belongs to it; one that is not there is removed already."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateKindNotServed
from airflow_provider_fate.remote.kinds.kubernetes import KubernetesKind, KubernetesRef
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Kill, Ownership, Piece

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubernetes import Json

__all__ = ["KubernetesDelete", "KubernetesName"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KubernetesName:
    """An object, by its name.

    :param kind: such as ``FateCluster``.
    :param namespace: empty: it lives in none.
    """

    api_version: str
    kind: str
    namespace: str
    name: str

    def ref(self, **more: Any) -> KubernetesRef:
        """The object that it is about."""
        return KubernetesRef(self.api_version, self.kind, self.namespace, self.name, **more)


class KubernetesDelete(KubernetesKind[KubernetesName]):
    """A removal, waited for until nothing is left that belongs to the object. It cannot be taken back."""

    async def check(self, request: KubernetesName, there: Json) -> None:
        """Look whether it may be removed.

        :raises FateError: it may not.
        """

    async def find(self, attempt: Attempt, request: KubernetesName) -> Sequence[Piece[KubernetesRef]]:
        """Find a removal that is under way; an object that is not there is removed."""
        there = await self._there(request)
        if there is None:
            gone = request.ref(ownership=Ownership.OBSERVED)
            return [Piece(gone, Snapshot(WorkState.SUCCEEDED, detail="not there", found={"removed": False}))]
        metadata = there.get("metadata") or {}
        if not metadata.get("deletionTimestamp"):
            return []
        ref = request.ref(uid=str(metadata.get("uid") or ""), ownership=Ownership.OBSERVED)
        log.info("%s is being removed already", ref.id)
        return [Piece(ref, await self.stand(ref, there))]

    async def submit(
        self, attempt: Attempt, request: KubernetesName, found: Sequence[Piece[KubernetesRef]]
    ) -> KubernetesRef:
        """Begin the removal, of the very object that was looked at."""
        there = await self._there(request)
        if there is None:
            return request.ref(uid="none")
        await self.check(request, there)
        attempt.go_on()
        ref = request.ref(uid=str((there.get("metadata") or {}).get("uid") or ""))
        await self.remove(ref)
        log.info("%s: removal begun", ref.id)
        return ref

    async def stand(self, ref: KubernetesRef, body: Json | None) -> Snapshot:
        """Whether it is still there, and what holds it."""
        metadata = (body or {}).get("metadata") or {}
        if body is None or metadata.get("uid") != ref.uid:
            return Snapshot(WorkState.SUCCEEDED, detail="removed", found={"removed": ref.uid != "none"})
        if not metadata.get("deletionTimestamp"):
            return Snapshot(WorkState.RUNNING, detail="there")
        held = ", ".join(metadata.get("finalizers") or ())
        return Snapshot(WorkState.RUNNING, detail=f"goes away; waits for {held}" if held else "goes away")

    async def look(self, refs: Sequence[KubernetesRef]) -> Mapping[str, Snapshot]:
        """Where they stand; with its kind, an object is gone, too."""
        try:
            return await super().look(refs)
        except FateKindNotServed:
            return {ref.id: await self.stand(ref, None) for ref in refs}

    def kill(self, ref: KubernetesRef) -> Kill:
        """It goes on in any case."""
        return Kill.LEAVES if ref.ownership is Ownership.OBSERVED else Kill.CANNOT

    async def _there(self, request: KubernetesName) -> Json | None:
        about = request.ref()
        try:
            return await (await self.client()).get(await self.resource(about), about.namespace or None, about.name)
        except FateKindNotServed:
            return None
