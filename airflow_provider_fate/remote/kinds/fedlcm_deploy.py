"""A participant that is deployed, or was already."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from airflow_provider_fate.errors import FateConflictError
from airflow_provider_fate.remote.kinds.described import described, mark_of
from airflow_provider_fate.remote.kinds.fedlcm import FedlcmKind, ParticipantRef, result_base
from airflow_provider_fate.remote.kinds.fedlcm_stand import LOST, Phase, is_lost, phase_of, status_word
from airflow_provider_fate.remote.states import Snapshot, WorkState
from airflow_provider_fate.remote.times import times
from airflow_provider_fate.remote.work import Attempt, Ownership, Piece

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fedlcm import LcmFederation, Role
    from airflow_provider_fate.remote.kinds.fedlcm import Member

__all__ = ["Asked", "ParticipantDeploy"]

log = logging.getLogger(__name__)

ROUTELESS = "it is deployed, and the exchange has no route to it"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What all participants are asked for.

    :param federation: name or id.
    :param description: for people; the mark of the task is added to it.
    """

    federation: str
    role: Role
    name: str
    description: str = ""

    def is_like(self, one: Member) -> bool:
        """Whether a participant of this name is what is asked for, as far as FedLCM tells."""
        raise NotImplementedError


AskedT = TypeVar("AskedT", bound=Asked)


class ParticipantDeploy(FedlcmKind[AskedT]):
    """A deployment, until FedLCM calls it active, and its exchange knows a route to it."""

    only_one: ClassVar[bool] = False
    """Whether a federation has one participant in this role, whatever its name is."""

    async def find(self, attempt: Attempt, request: AskedT) -> Sequence[Piece[ParticipantRef]]:
        """Find what this task has deployed, by the mark in its description; else one that is like that."""
        federation = await self.federation(request.federation, request.role)
        if federation is None:
            return []
        pieces: list[Piece[ParticipantRef]] = []
        there = await self.in_role(federation.uuid, request.role)
        for one in there:
            mark = mark_of(one.description)
            if mark is None or mark.key != attempt.identity.key:
                continue
            ref = await self._ref(federation, request, one.uuid, one=one)
            fits = one.name == request.name and request.is_like(one)
            current = mark.epoch == attempt.identity.epoch
            pieces.append(Piece(ref, await self.look_at(ref, one), current=current, fits=fits))
        if any(not piece.seen.state.is_bad_end for piece in pieces):
            return pieces
        known = {piece.ref.uuid for piece in pieces}
        for one in there:
            usable = phase_of(one) in (Phase.ACTIVE, Phase.BUSY)
            if one.uuid in known or one.name != request.name or not usable or not request.is_like(one):
                continue
            adopted = await self._ref(federation, request, one.uuid, Ownership.OBSERVED, one=one)
            seen = await self.look_at(adopted, one)
            if not seen.state.is_bad_end:
                log.info("%s is there already, and as it shall be", adopted.id)
                pieces.append(Piece(adopted, seen))
        return pieces

    async def submit(self, attempt: Attempt, request: AskedT, found: Sequence[Piece[ParticipantRef]]) -> ParticipantRef:
        """Make room, check what can be checked, and begin.

        :raises FateConflictError: there is another one, or the exchange or director is not active.
        :raises FateInputError: there is no such federation, KubeFATE, chart or certificate authority.
        """
        federation = await self.needed_federation(request.federation, request.role)
        await self._make_room(attempt, federation, request)
        uuid = await self.begin(attempt, federation, request, described(request.description, attempt.identity))
        ref = await self._ref(federation, request, uuid)
        log.info("Deploying %s", ref.id)
        return ref

    @abstractmethod
    async def begin(self, attempt: Attempt, federation: LcmFederation, request: AskedT, description: str) -> str:
        """Check the request, call ``attempt.go_on()``, give the order, and return the participant's id."""

    async def look_at(self, ref: ParticipantRef, one: Member | None) -> Snapshot:
        """Its status; of what goes on, the last event, and whether it goes on at all."""
        if one is None:
            return Snapshot(WorkState.MISSING, detail="it was removed")
        match phase_of(one):
            case Phase.ACTIVE:
                return await self._routed(ref) if ref.routed else Snapshot(WorkState.SUCCEEDED, detail="Active")
            case Phase.REMOVING:
                return Snapshot(WorkState.STOPPED, detail="it is being removed")
            case Phase.FAILED:
                return Snapshot(WorkState.FAILED, detail="FedLCM calls it failed")
        events = await self.log_of(one.uuid)
        if is_lost(one, events, (await self.service()).settings().restart_seen()):
            return Snapshot(WorkState.FAILED, detail=f"{LOST} ({status_word(one)})")
        # Events may quote the deployment YAML: only what its own steps say is shown while they go on.
        last = next((event.words for event in reversed(events.events) if not event.is_error), "")
        return Snapshot(WorkState.RUNNING, detail=f"{status_word(one)}{f': {last[:200]}' if last else ''}")

    async def stop(self, ref: ParticipantRef) -> None:
        """Remove it, whatever its status is; FedLCM stops KubeFATE's job for it."""
        await self.remove(ref, force=True)

    async def result(self, ref: ParticipantRef, found: Mapping[str, Any] | None) -> Any:
        """Where it is."""
        from airflow_provider_fate.clients.fedlcm import Role
        from airflow_provider_fate.remote.kinds.fedlcm_result import describe

        fedlcm, role = await self.client(), Role(ref.role)
        group = fedlcm.openfl if role.is_openfl else fedlcm.fate
        return result_base(ref) | describe(ref, await group.get(ref.federation, role, ref.uuid))

    def way_out(self, ref: ParticipantRef, words: str) -> str:
        """What to do about a bad end."""
        if words.startswith(ROUTELESS) or "route table" in words:
            return (
                "FedLCM builds all routes anew with the next cluster that is deployed or upgraded in this federation. "
                "This cluster is left as it is: remove it with FateLcmRemoveOperator to deploy it again."
            )
        return super().way_out(ref, words)

    # -- inside ---------------------------------------------------------------------------------------------------

    async def _routed(self, ref: ParticipantRef) -> Snapshot:
        """Whether a managed exchange knows the way; FedLCM calls a cluster active before that is so."""
        from airflow_provider_fate.clients.fedlcm import FateParticipant, Role
        from airflow_provider_fate.clusters.fedlcm import has_route

        done = Snapshot(WorkState.SUCCEEDED, detail="Active")
        fedlcm = await self.client()
        exchanges = await self.in_role(ref.federation, Role.EXCHANGE)
        exchange = exchanges[0] if exchanges else None
        if not isinstance(exchange, FateParticipant) or not exchange.is_managed:
            return done
        cluster = await fedlcm.fate.get(ref.federation, Role.CLUSTER, ref.uuid)
        whole = await fedlcm.fate.get(ref.federation, Role.EXCHANGE, exchange.uuid)
        if cluster is None or whole is None or has_route(whole.deployment, cluster.party_id):
            return done
        events = await self.log_of(ref.uuid)
        error = any(event.is_error and "route table" in event.words for event in events.since("start creating"))
        if error or is_lost(cluster, events, (await self.service()).settings().restart_seen()):
            return Snapshot(WorkState.FAILED, detail=ROUTELESS)
        return Snapshot(WorkState.RUNNING, detail="Active; the exchange gets its route")

    async def _make_room(self, attempt: Attempt, federation: LcmFederation, request: AskedT) -> None:
        """Remove what a failed or lost deployment of this task has left, and refuse where somebody else's is."""
        for one in await self.in_role(federation.uuid, request.role):
            if one.name != request.name and not self.only_one:
                continue
            ref = await self._ref(federation, request, one.uuid)
            mark = mark_of(one.description)
            phase = phase_of(one)
            own = mark is not None and mark.key == attempt.identity.key
            if phase is Phase.REMOVING:
                log.info("%s is being removed: waiting for its end", ref.id)
                await self._gone(ref)
            elif own and phase is not Phase.ACTIVE:
                log.warning("%s is left from an earlier try (%s): removing it", ref.id, status_word(one))
                attempt.go_on()
                await self.remove(ref, force=True)
                await self._gone(ref)
            else:
                like = own and one.name == request.name and request.is_like(one)
                why = "its exchange has no route to it" if like else "it is another one than is asked for"
                raise FateConflictError(
                    f"There is a {ref.id} already ({status_word(one)}), and {why}.",
                    hint="Remove it with FateLcmRemoveOperator, upgrade it with FateLcmUpgradeOperator, or take "
                    "another name.",
                )

    async def _gone(self, ref: ParticipantRef) -> None:
        from airflow_provider_fate.clients.fedlcm import Role

        end = time.monotonic() + times().create
        while any(one.uuid == ref.uuid for one in await self.in_role(ref.federation, Role(ref.role))):
            if time.monotonic() > end:
                raise FateConflictError(
                    f"{ref.id} is being removed, and still there after {times().create:.0f} s.",
                    hint="Where FedLCM was restarted meanwhile, or says in its events why it cannot, remove it with "
                    "FateLcmRemoveOperator(force=True).",
                )
            await asyncio.sleep(times().appear_pause)

    async def _ref(
        self,
        federation: LcmFederation,
        request: AskedT,
        uuid: str,
        ownership: Ownership = Ownership.CREATED,
        *,
        one: Member | None = None,
    ) -> ParticipantRef:
        from airflow_provider_fate.clients.fedlcm import Role

        return ParticipantRef(
            request.role.value,
            one.name if one is not None else request.name,
            federation.uuid,
            federation.name,
            uuid=uuid,
            routed=request.role is Role.CLUSTER,
            ownership=ownership,
        )
