"""An exchange or a cluster that is upgraded, or has that version already."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateConflictError, FateInputError, FateNotFoundError
from airflow_provider_fate.remote.kinds.fedlcm import FedlcmKind, ParticipantRef, result_base
from airflow_provider_fate.remote.kinds.fedlcm_stand import LOST, Phase, is_lost, phase_of, status_word
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.work import Attempt, Ownership, Piece

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fedlcm import FateParticipant, LcmFederation, Role
    from airflow_provider_fate.remote.kinds.fedlcm import Member

__all__ = ["ParticipantUpgrade", "UpgradeAsked"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UpgradeAsked:
    """What is upgraded, and to which version of its chart."""

    federation: str
    role: Role
    name: str
    version: str


class ParticipantUpgrade(FedlcmKind[UpgradeAsked]):
    """An upgrade. FedLCM cannot cancel it.

    A failure leaves the participant active with its old version, so success is told by the version; and while the
    upgrade goes on FedLCM shows the new version already, so that counts only where the participant is active.
    """

    async def find(self, attempt: Attempt, request: UpgradeAsked) -> Sequence[Piece[ParticipantRef]]:
        """Find an upgrade to this version that is under way; what has it already is done."""
        from airflow_provider_fate.clients.fedlcm import FateStatus

        found = await self._there(request)
        if found is None:
            return []
        federation, one = found
        if one.version != request.version or one.status not in (FateStatus.ACTIVE, FateStatus.UPGRADING):
            return []
        done = one.status is FateStatus.ACTIVE
        ref = self._ref(request, federation, one, Ownership.OBSERVED if done else Ownership.CHANGED)
        if done:
            log.info("%s has version %s", ref.id, one.version)
        return [Piece(ref, await self.look_at(ref, one))]

    async def submit(
        self, attempt: Attempt, request: UpgradeAsked, found: Sequence[Piece[ParticipantRef]]
    ) -> ParticipantRef:
        """Begin the upgrade.

        :raises FateNotFoundError: there is no such participant.
        :raises FateInputError: it cannot be upgraded to that.
        :raises FateConflictError: it is not active, or its exchange is not.
        """
        there = await self._there(request)
        if there is None:
            raise FateNotFoundError(
                f"FedLCM has no {request.role} {request.name!r} in federation {request.federation!r}.",
                hint="Deploy it first.",
            )
        federation, one = there
        ref = self._ref(request, federation, one, Ownership.CHANGED)
        if not one.is_managed:
            raise FateInputError(f"{ref.id} was not deployed by FedLCM, which cannot upgrade it.")
        if phase_of(one) is not Phase.ACTIVE:
            detail = (await self.look_at(ref, one)).detail
            raise FateConflictError(
                f"{ref.id} is {status_word(one)}, and only what is Active is upgraded: {detail}",
                hint=self.way_out(ref, detail) if detail.startswith(LOST) else None,
            )
        fedlcm = await self.client()
        choice = await fedlcm.fate.upgrades(federation.uuid, request.role, one.uuid)
        if request.version not in choice.versions:
            known = ", ".join(choice.versions) or "nothing"
            raise FateInputError(
                f"version={request.version!r}: {ref.id} has {choice.version}, and can be upgraded to {known}."
            )
        attempt.go_on()
        await fedlcm.fate.upgrade(federation.uuid, request.role, one.uuid, request.version)
        log.info("Upgrading %s from %s to %s", ref.id, one.version, request.version)
        return ref

    async def look_at(self, ref: ParticipantRef, one: Member | None) -> Snapshot:
        """Its status, and the version that it has then."""
        if one is None:
            return Snapshot(WorkState.MISSING, detail="it was removed")
        version = getattr(one, "version", "")
        match phase_of(one):
            case Phase.ACTIVE if version == ref.version:
                return Snapshot(WorkState.SUCCEEDED, detail=f"Active, {version}")
            case Phase.ACTIVE:
                return Snapshot(WorkState.FAILED, detail=f"it is Active, and has {version} as before")
            case Phase.FAILED | Phase.REMOVING:
                return Snapshot(WorkState.FAILED, detail=f"it is {status_word(one)}")
        events = await self.log_of(one.uuid)
        if is_lost(one, events, (await self.service()).settings().restart_seen()):
            return Snapshot(WorkState.FAILED, detail=f"{LOST} (Upgrading)")
        return Snapshot(WorkState.RUNNING, detail=status_word(one))

    async def result(self, ref: ParticipantRef, found: Mapping[str, Any] | None) -> Any:
        """What it is now, and whether anything was changed."""
        return result_base(ref) | {"version": ref.version, "changed": ref.ownership is Ownership.CHANGED}

    def way_out(self, ref: ParticipantRef, words: str) -> str:
        """What to do about a bad end."""
        if words.startswith(LOST):
            return (
                "It was restarted meanwhile, and calls it Upgrading for ever. Look at the cluster in KubeFATE; FedLCM "
                "can only remove it, with force=True."
            )
        return f"It goes on with its old version. Look further: kubectl get pods,events of {ref.name}'s namespace."

    async def _there(self, request: UpgradeAsked) -> tuple[LcmFederation, FateParticipant] | None:
        from airflow_provider_fate.clients.fedlcm import FateParticipant

        federation = await self.federation(request.federation, request.role)
        if federation is None:
            return None
        for one in await self.in_role(federation.uuid, request.role):
            if request.name in ("", one.name, one.uuid) and isinstance(one, FateParticipant):
                return federation, one
        return None

    def _ref(
        self, request: UpgradeAsked, federation: LcmFederation, one: FateParticipant, ownership: Ownership
    ) -> ParticipantRef:
        return ParticipantRef(
            request.role.value,
            one.name,
            federation.uuid,
            federation.name,
            uuid=one.uuid,
            version=request.version,
            ownership=ownership,
        )
