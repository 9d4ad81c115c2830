"""A service that is changed, until the change has come true; and one that is taken away. On any backend."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateConflictError, FateServiceFailed, FateServiceNotFound
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import (
    Attempt,
    Ending,
    Explanation,
    Ownership,
    Piece,
    RequestT,
    WorkKind,
    WorkRef,
)

if TYPE_CHECKING:
    from airflow_provider_fate.serving import ServedModel, Service, ServingBackend, ServingSpec

__all__ = ["ServiceChange", "ServiceKind", "ServiceRef", "ServiceRemoval", "ServiceRequest"]

log = logging.getLogger(__name__)

TRIES = 3
"""How often a change is made anew of what somebody else has made meanwhile."""


@dataclass(frozen=True)
class ServiceRef(WorkRef):
    """A generation of a service.

    :param generation: 0 where the service is to be taken away.
    """

    name: str
    generation: int = 0
    # A live service is never a task's own: who is killed leaves it as it is.
    ownership: Ownership = field(default=Ownership.CHANGED, kw_only=True)

    @property
    def id(self) -> str:
        """The service, and which of its specs."""
        return f"service {self.name}" + (f" (generation {self.generation})" if self.generation else "")


@dataclass(frozen=True)
class ServiceRequest:
    """What is to become of a service.

    :param change: makes the next spec of what it is; raises what speaks against it.
    :param model: handed to ``change``, after the backend has looked at it.
    """

    name: str
    change: Callable[[Service | None, ServedModel | None], ServingSpec]
    model: ServedModel | None = None

    def asks_for(self, spec: ServingSpec) -> bool:
        """Whether a spec of this very task is still what it asks for: meanwhile an alias may have moved."""
        model = self.model
        return model is None or model.is_same(spec.stable) or model.is_same(spec.canary)


class ServiceKind(WorkKind[ServiceRef, RequestT]):
    """Work on services of a backend, which is named in the place of a connection."""

    ref_type = ServiceRef

    def __init__(self, conn_id: str) -> None:
        super().__init__(conn_id)
        self._backend: ServingBackend | None = None

    @property
    def backend(self) -> ServingBackend:
        """The backend, opened once."""
        if self._backend is None:
            from airflow_provider_fate.serving import open_backend

            self._backend = open_backend(self.conn_id)
        return self._backend

    async def look(self, refs: Sequence[ServiceRef]) -> Mapping[str, Snapshot]:
        """Ask for each service once."""
        services = {name: await self.backend.look(name) for name in {ref.name for ref in refs}}
        return {ref.id: self.stands(ref, services[ref.name]) for ref in refs}

    def stands(self, ref: ServiceRef, service: Service | None) -> Snapshot:
        """Where a reference stands."""
        raise NotImplementedError

    @classmethod
    def prepare(cls) -> None:
        """Import what the verbs need."""
        import airflow_provider_fate.serving  # noqa: F401

    async def close(self) -> None:
        """Close the backend."""
        backend, self._backend = self._backend, None
        if backend is not None:
            await backend.close()


class ServiceChange(ServiceKind[ServiceRequest]):
    """A new spec of a service, until all of it answers. A kill leaves it as it is."""

    async def find(self, attempt: Attempt, request: ServiceRequest) -> Sequence[Piece[ServiceRef]]:
        """Find the spec that this task has written; else the service, if it is as it shall be."""
        service = await self.backend.get(request.name)
        if service is None:
            return []
        mark = service.mark
        own = mark is not None and (mark.key, mark.epoch) == (attempt.identity.key, attempt.identity.epoch)
        if own and request.asks_for(service.spec):
            ref = ServiceRef(request.name, service.generation)
            return [Piece(ref, self.stands(ref, service))]
        if request.change(service, request.model) != service.spec:
            return []
        log.info("%s is as it shall be", request.name)
        ref = ServiceRef(request.name, service.generation, ownership=Ownership.OBSERVED)
        seen = self.stands(ref, service)
        # One that has failed is not waited for: the same is asked for once more.
        return [] if seen.state.is_bad_end else [Piece(ref, seen)]

    async def submit(self, attempt: Attempt, request: ServiceRequest, found: Sequence[Piece[ServiceRef]]) -> ServiceRef:
        """Look at the model, make the next spec, and write it, unless somebody has just written another.

        :raises FateInputError: the model cannot be served, or the change makes no sense.
        :raises FateConflictError: others write again and again.
        """
        from airflow_provider_fate.serving import ChangeMark

        model = await self.backend.check(request.name, request.model) if request.model is not None else None
        mark = ChangeMark(key=attempt.identity.key, epoch=attempt.identity.epoch)
        for left in reversed(range(TRIES)):
            service = await self.backend.get(request.name)
            spec = request.change(service, model)
            attempt.go_on()
            expected = service.generation if service is not None else None
            try:
                generation = await self.backend.apply(request.name, spec, expected=expected, mark=mark)
            except FateConflictError:
                if not left:
                    raise
                continue
            log.info("%s: generation %d asked for: %s", request.name, generation, told(spec))
            return ServiceRef(request.name, generation)
        raise AssertionError  # the last try has returned or raised

    def stands(self, ref: ServiceRef, service: Service | None) -> Snapshot:
        """As the backend says of this very generation."""
        from airflow_provider_fate.serving import ServicePhase

        if service is None:
            return Snapshot(WorkState.MISSING, detail="it was deleted by somebody")
        if service.generation < ref.generation:
            return Snapshot(WorkState.RUNNING, detail="asked for")  # what is looked at may be a moment old
        if service.generation != ref.generation:
            return Snapshot(
                WorkState.STOPPED, detail=f"somebody has changed it since (generation {service.generation})"
            )
        found = service.model_dump(mode="json")
        match service.phase:
            case ServicePhase.STARTING:
                return Snapshot(WorkState.RUNNING, detail=service.reason or "starting")
            case ServicePhase.FAILED:
                return Snapshot(WorkState.FAILED, detail=service.reason)
        if service.phase is ServicePhase.STOPPED and not service.spec.stopped:
            return Snapshot(WorkState.RUNNING, detail="stopped, and about to start")
        return Snapshot(WorkState.SUCCEEDED, detail=service.phase.value, found=found)

    async def diagnose(self, ref: ServiceRef, ending: Ending) -> Explanation:
        """Say why it did not come true, and what answers now."""
        if not ending.state.is_over:
            return Explanation(reason=f"It is {ending.state.value}: {ending.detail}")
        service = await self.backend.get(ref.name)
        live = ", ".join(f"version {one.version} ({one.share} %)" for one in (service.live if service else {}).values())
        now = f"What answers now: {live or 'nothing'}."
        if ending.state is WorkState.STOPPED:
            return Explanation(error=FateConflictError(f"{ref.id}: {ending.detail}. {now}", hint="Decide again."))
        hint = "It goes on like that: deploy a version that can be served, or delete the service."
        return Explanation(error=FateServiceFailed(f"{ref.id}: {ending.detail} {now}", hint=hint))


class ServiceRemoval(ServiceKind[str]):
    """The end of a service."""

    async def find(self, attempt: Attempt, request: str) -> Sequence[Piece[ServiceRef]]:
        """Done already, if there is none."""
        if await self.backend.get(request) is not None:
            return []
        gone = Snapshot(WorkState.SUCCEEDED, detail="not there", found={"deleted": False})
        return [Piece(ServiceRef(request, ownership=Ownership.OBSERVED), gone)]

    async def submit(self, attempt: Attempt, request: str, found: Sequence[Piece[ServiceRef]]) -> ServiceRef:
        """Delete it."""
        attempt.go_on()
        await self.backend.delete(request)
        return ServiceRef(request)

    def stands(self, ref: ServiceRef, service: Service | None) -> Snapshot:
        """Over when it is gone."""
        if service is None:
            return Snapshot(WorkState.SUCCEEDED, detail="deleted", found={"deleted": True})
        return Snapshot(WorkState.RUNNING, detail="being deleted")


def told(spec: ServingSpec) -> str:
    """For the log."""
    if spec.stopped:
        return "stopped"
    if spec.canary is None:
        return f"version {spec.stable.version}"
    return f"version {spec.stable.version}, and version {spec.canary.version} with {spec.share} %"


def require_service(service: Service | None, name: str, backend: str) -> Service:
    """Give the service.

    :raises FateServiceNotFound: there is none of this name.
    """
    if service is None:
        raise FateServiceNotFound(
            f"There is no service {name!r} at backend={backend!r}.", hint="Deploy it first, with FateServeOperator."
        )
    return service
