"""A participant that is removed, or is not there."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateConflictError
from airflow_provider_fate.remote.kinds.fedlcm import FedlcmKind, ParticipantRef, result_base
from airflow_provider_fate.remote.kinds.fedlcm_stand import LOST, Phase, is_lost, phase_of, reason_of, status_word
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Kill, Ownership, Piece

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fedlcm import Role
    from airflow_provider_fate.remote.kinds.fedlcm import Member

__all__ = ["ParticipantRemove", "RemoveAsked"]

log = logging.getLogger(__name__)

FATAL = "error uninstalling"
"""With this begins the event after which FedLCM gives up; other errors on the way do not end a removal."""
FORCE = (
    "Do what the reason says, and remove it again with force=True: FedLCM forgets it then, even if something of it is "
    "left on Kubernetes."
)


@dataclass(frozen=True)
class RemoveAsked:
    """What is removed.

    :param federation: name or id.
    :param name: name or id; empty: the only one in its role.
    """

    federation: str
    role: Role
    name: str
    force: bool = False


class ParticipantRemove(FedlcmKind[RemoveAsked]):
    """A removal. FedLCM cannot cancel it."""

    def __init__(self, conn_id: str) -> None:
        super().__init__(conn_id)
        self._ordered: dict[RemoveAsked, ParticipantRef] = {}
        """What was ordered to be removed here: where the answer is lost it may be gone by the next look."""

    async def find(self, attempt: Attempt, request: RemoveAsked) -> Sequence[Piece[ParticipantRef]]:
        """Find a removal that is under way; what is not there is removed."""
        one, ref = await self._there(request)
        if one is None:
            ref = self._ordered.get(request, ref)
            return [Piece(ref, await self.look_at(ref, None))]
        if phase_of(one) is not Phase.REMOVING:
            return []
        seen = await self.look_at(ref, one)
        if seen.state.is_bad_end and request.force:
            return []  # it is ordered anew, and this time FedLCM forgets it in any case
        return [Piece(ref, seen)]

    async def submit(
        self, attempt: Attempt, request: RemoveAsked, found: Sequence[Piece[ParticipantRef]]
    ) -> ParticipantRef:
        """Begin the removal.

        :raises FateConflictError: it is not active, or others need it.
        """
        one, ref = await self._there(request)
        if one is not None and phase_of(one) is Phase.REMOVING and not request.force:
            detail = (await self.look_at(ref, one)).detail
            raise FateConflictError(
                f"{ref.id} is being removed, and FedLCM does not get on with it: {detail}",
                hint=FORCE,
            )
        attempt.go_on()
        if one is not None:
            self._ordered[request] = ref
            await self.remove(ref, force=request.force)
            log.info("Removing %s", ref.id)
        return ref

    async def look_at(self, ref: ParticipantRef, one: Member | None) -> Snapshot:
        """Whether it is there; FedLCM leaves one that could not be removed as it is."""
        if one is None:
            detail = "removed" if ref.uuid else "not there"
            return Snapshot(WorkState.SUCCEEDED, detail=detail, found={"removed": bool(ref.uuid)})
        if phase_of(one) is not Phase.REMOVING:
            return Snapshot(WorkState.FAILED, detail=f"it is not removed any more, but {status_word(one)}")
        events = await self.log_of(one.uuid)
        since = events.since("start removing")
        if any(event.is_error and event.words.startswith(FATAL) for event in since):
            return Snapshot(WorkState.FAILED, detail="FedLCM could not remove it, and calls it Removing for ever")
        if is_lost(one, events, (await self.service()).settings().restart_seen()):
            return Snapshot(WorkState.FAILED, detail=f"{LOST} (Removing)")
        error = reason_of(since)
        return Snapshot(WorkState.RUNNING, detail="Removing" + (", with errors on the way" if error else ""))

    async def result(self, ref: ParticipantRef, found: Mapping[str, Any] | None) -> Any:
        """What was removed."""
        return result_base(ref) | {"removed": bool((found or {}).get("removed"))}

    def kill(self, ref: ParticipantRef) -> Kill:
        """It goes on in any case."""
        return Kill.CANNOT if ref.uuid else Kill.LEAVES

    def way_out(self, ref: ParticipantRef, words: str) -> str:
        """What to do about a bad end."""
        return FORCE

    async def _there(self, request: RemoveAsked) -> tuple[Member | None, ParticipantRef]:
        federation = await self.federation(request.federation, request.role)
        if federation is None:
            return None, self._ref(request, "", request.federation, None)
        for one in await self.in_role(federation.uuid, request.role):
            if request.name in ("", one.name, one.uuid):
                return one, self._ref(request, federation.uuid, federation.name, one)
        return None, self._ref(request, federation.uuid, federation.name, None)

    def _ref(self, request: RemoveAsked, federation: str, name: str, one: Member | None) -> ParticipantRef:
        return ParticipantRef(
            request.role.value,
            one.name if one is not None else request.name,
            federation,
            name,
            uuid=one.uuid if one is not None else "",
            ownership=Ownership.CREATED if one is not None else Ownership.OBSERVED,
        )
