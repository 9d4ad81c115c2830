"""An object that is made what it shall be, and waited for until it is ready."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_fate.errors import (
    FateAmbiguousSubmitError,
    FateConflictError,
    FateConnectionError,
    FateError,
)
from airflow_provider_fate.remote.kinds.kubernetes import KubernetesKind, KubernetesRef
from airflow_provider_fate.remote.kinds.kubernetes_mark import KEY, ObjectMark, digest_of
from airflow_provider_fate.remote.kinds.kubernetes_trouble import Patience
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.times import times
from airflow_provider_fate.remote.work import Attempt, Ownership, Piece

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubernetes import Json, Judgement

__all__ = ["KubernetesApply", "KubernetesManifest"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KubernetesManifest:
    """What an object shall be.

    :param body: its manifest, as :func:`~airflow_provider_fate.clients.kubernetes.body_of` has checked it.
    :param force: take over fields that others have set.
    :param patience: seconds for which its pods may be in trouble; ``None``: for ever.
    :param names: of the task, for people who look at the object.
    """

    body: Mapping[str, Any] = field(repr=False)
    force: bool = False
    patience: float | None = 600.0
    names: Mapping[str, str] = field(default_factory=dict)

    def ref(self) -> KubernetesRef:
        """The object that it is about."""
        metadata = self.body["metadata"]
        return KubernetesRef(
            str(self.body["apiVersion"]),
            str(self.body["kind"]),
            str(metadata.get("namespace") or ""),
            str(metadata["name"]),
            patience=self.patience,
        )


class KubernetesApply(KubernetesKind[KubernetesManifest]):
    """An object, applied server-side under our own field manager; a subclass says when it is ready.

    An object that was not there is the task's own: a kill removes it. One that was there is changed, and stays. The
    same task finds its object again by a label.
    """

    labels = KEY
    once: ClassVar[bool] = False
    """Whether an object does its work once: one that has failed is removed and made anew by the next try, and one of
    somebody else is never changed."""

    @abstractmethod
    def judge(self, body: Json) -> Judgement:
        """Say whether an object is ready; its status is about its present spec, as far as the controller tells."""

    async def confirm(self, ref: KubernetesRef, body: Json, said: Judgement) -> Judgement:
        """What becomes of it where it says that it is ready; for what it does not know of itself."""
        return said

    async def check(self, attempt: Attempt, request: KubernetesManifest, there: Json | None) -> None:
        """Look whether it may be applied; called before anything is changed.

        :param there: the object, if there is one.
        :raises FateError: it may not.
        """

    def __init__(self, conn_id: str) -> None:
        super().__init__(conn_id)
        self._patience = Patience()

    # -- the verbs --------------------------------------------------------------------------------------------------

    async def find(self, attempt: Attempt, request: KubernetesManifest) -> Sequence[Piece[KubernetesRef]]:
        """Find what this task has applied, if it is still what is asked for."""
        about = request.ref()
        body = await (await self.client()).get(await self.resource(about), about.namespace or None, about.name)
        mark = ObjectMark.of(body) if body is not None else None
        if body is None or mark is None or mark.key != attempt.identity.key or mark.digest != digest_of(request.body):
            return []
        ref = _ref(request, body, mark)
        return [Piece(ref, await self.stand(ref, body), current=mark.epoch == attempt.identity.epoch)]

    async def submit(
        self, attempt: Attempt, request: KubernetesManifest, found: Sequence[Piece[KubernetesRef]]
    ) -> KubernetesRef:
        """Check it, make room if need be, and apply it.

        :raises FateFieldConflict: others have set fields that would change.
        :raises FateConflictError: an object of this name is somebody else's, or does not go away.
        """
        about, key = request.ref(), attempt.identity.key
        client, resource = await self.client(), await self.resource(about)
        there = await self._room(attempt, request)
        await self.check(attempt, request, there)
        attempt.go_on()
        before = ObjectMark.of(there) if there is not None else None
        own = there is None or (before is not None and before.created_by == key)
        mark = ObjectMark(
            key, attempt.identity.epoch, digest_of(request.body), created_by=key if own else "", names=request.names
        )
        try:
            applied, created = await client.apply(resource, mark.on(request.body), force=request.force)
        except FateConnectionError as e:
            if not e.sent:
                raise
            raise FateAmbiguousSubmitError(f"{about.id} was applied or not: {e.message}", hint=e.hint) from None
        ref = _ref(request, applied, mark)
        log.info("%s: %s", ref.id, "created" if created else "applied")
        return ref

    async def stand(self, ref: KubernetesRef, body: Json | None) -> Snapshot:
        """What its judge says, and what is wrong with its pods."""
        from airflow_provider_fate.clients.kubernetes.objects import meta
        from airflow_provider_fate.clients.kubernetes.readiness import Readiness, is_seen

        if body is None:
            return Snapshot(WorkState.MISSING, detail="it was deleted")
        uid = str(meta(body).get("uid") or "")
        if ref.uid and uid != ref.uid:
            return Snapshot(WorkState.MISSING, detail="it was deleted, and another one has its name")
        mark = ObjectMark.of(body)
        if ref.key and mark is not None and mark.key != ref.key:
            return Snapshot(WorkState.STOPPED, detail=f"another task has applied it meanwhile: {mark.words}")
        if meta(body).get("deletionTimestamp"):
            held = ", ".join(meta(body).get("finalizers") or ()) or "nothing"
            return Snapshot(WorkState.RUNNING, detail=f"is being deleted; held by {held}")
        if not is_seen(body):
            return Snapshot(WorkState.RUNNING, detail="its controller has not seen the change yet")
        said = self.judge(body)
        if said.readiness is Readiness.READY:
            said = await self.confirm(ref, body, said)
        match said.readiness:
            case Readiness.READY:
                found = {"uid": uid} | dict(said.found or {})
                return Snapshot(WorkState.SUCCEEDED, detail=said.reason or "ready", found=found)
            case Readiness.FAILED:
                return Snapshot(WorkState.FAILED, detail=said.reason)
        return await self.unready(ref, body, said.reason)

    async def unready(self, ref: KubernetesRef, body: Json, reason: str) -> Snapshot:
        """Where an object stands that is not ready yet: whether its pods are in trouble, and for how long."""
        return self._patience.judge(ref, reason, await self.pods(ref))

    async def stop(self, ref: KubernetesRef) -> None:
        """Remove it, after all that belongs to it."""
        await self.remove(ref)

    # -- inside -----------------------------------------------------------------------------------------------------

    async def _room(self, attempt: Attempt, request: KubernetesManifest) -> Json | None:
        """The object as it is; one that goes away, or shall, is waited for.

        :raises FateConflictError: it is somebody else's, or does not go away.
        """
        from airflow_provider_fate.clients.kubernetes.objects import meta

        about = request.ref()
        client, resource = await self.client(), await self.resource(about)
        end = time.monotonic() + times().create
        removed = False
        while (there := await client.get(resource, about.namespace or None, about.name)) is not None:
            going = bool(meta(there).get("deletionTimestamp"))
            if not going:
                if not self.once:
                    return there
                mark = ObjectMark.of(there)
                if mark is None or mark.created_by != attempt.identity.key:
                    whose = mark.words if mark is not None else "somebody else"
                    command = resource.kubectl("delete", about.namespace, about.name)
                    raise FateConflictError(
                        f"{about.id} is there already, made by {whose}.",
                        hint=f"Take another name, or remove it: {command}",
                    )
                if not removed:
                    log.info("%s: removing the one of the try before", about.id)
                    attempt.go_on()
                    removed = await self.remove(_ref(request, there, mark))
            if time.monotonic() > end:
                held = ", ".join(meta(there).get("finalizers") or ())
                raise FateConflictError(
                    f"{about.id} is being deleted, and still there after {times().create:.0f} s; held by {held}.",
                    hint=f"Why: {resource.kubectl('describe', about.namespace, about.name)}",
                )
            await asyncio.sleep(times().stop_pause)
        return None

    async def nothing_came(self, found: Sequence[Piece[KubernetesRef]], reason: FateError) -> FateError:
        """Where the answer was lost, and the object is not there: the order was not carried out."""
        return reason


def _ref(request: KubernetesManifest, body: Json, mark: ObjectMark) -> KubernetesRef:
    ownership = Ownership.CREATED if mark.created_by == mark.key else Ownership.CHANGED
    uid = str((body.get("metadata") or {}).get("uid") or "")
    return replace(request.ref(), uid=uid, key=mark.key, ownership=ownership)
