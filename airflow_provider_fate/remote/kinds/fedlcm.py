"""What all kinds of work on federations have in common: the connection, the participants, and why something failed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateClusterFailed, FateError, FateInputError
from airflow_provider_fate.remote.kinds.fedlcm_stand import LOST, fit_to_show, reason_of
from airflow_provider_fate.remote.states import Snapshot
from airflow_provider_fate.remote.work import Attempt, Ending, Explanation, Kill, Ownership, RequestT, WorkKind, WorkRef

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fedlcm import (
        AsyncFedlcmClient,
        EventLog,
        FateParticipant,
        LcmFederation,
        OpenflParticipant,
        Role,
    )
    from airflow_provider_fate.hooks.fedlcm import FedlcmService

    Member = FateParticipant | OpenflParticipant

__all__ = ["FedlcmKind", "ParticipantRef", "result_base"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ParticipantRef(WorkRef):
    """An exchange, a cluster, a director or an envoy that is deployed, upgraded or removed; holds no secret.

    :param federation: id of its federation; empty where there is none.
    :param uuid: its id; empty where it is not there.
    :param version: to which it is upgraded; else empty.
    :param routed: whether the exchange must know a route to it.
    """

    role: str
    name: str
    federation: str
    federation_name: str
    uuid: str = ""
    version: str = ""
    routed: bool = False

    @property
    def id(self) -> str:
        """What it is, and in which federation."""
        return f"{self.role} {self.name} of {self.federation_name}" + (f" ({self.uuid})" if self.uuid else "")


class FedlcmKind(WorkKind[ParticipantRef, RequestT]):
    """Work on federations through one FedLCM."""

    ref_type = ParticipantRef

    def __init__(self, conn_id: str) -> None:
        super().__init__(conn_id)
        self._service: FedlcmService | None = None
        self._client: AsyncFedlcmClient | None = None

    async def client(self) -> AsyncFedlcmClient:
        """The client that all that wait share."""
        if self._client is None:
            from airflow_provider_fate.clients.fedlcm import AsyncFedlcmClient

            self._client = AsyncFedlcmClient((await self.service()).settings())
        return self._client

    async def service(self) -> FedlcmService:
        """The connection as it is now, or as it was: Airflow may be away for a moment, which must end no wait."""
        from airflow_provider_fate.hooks.fedlcm import FedlcmHook

        try:
            self._service = await FedlcmHook(self.conn_id).aread()
        except FateError:
            raise  # it was read, and is wrong
        except Exception as e:
            if self._service is None:
                raise
            log.warning("Connection %s cannot be read again, and is used as it was: %r", self.conn_id, e)
        return self._service

    # -- looking ----------------------------------------------------------------------------------------------------

    async def look(self, refs: Sequence[ParticipantRef]) -> Mapping[str, Snapshot]:
        """Ask once for each federation, and for the events of what is not over."""
        from airflow_provider_fate.clients.fedlcm import Role

        found: dict[tuple[str, bool], list[Member]] = {}
        for ref in refs:
            place = (ref.federation, Role(ref.role).is_openfl)
            if place not in found:
                found[place] = await self.meter.of(self.members(*place))
        looks = (self.look_at(ref, _of(found[ref.federation, Role(ref.role).is_openfl], ref.uuid)) for ref in refs)
        snapshots = await self.meter.of(asyncio.gather(*looks))
        return {ref.id: snapshot for ref, snapshot in zip(refs, snapshots, strict=True)}

    async def look_at(self, ref: ParticipantRef, one: Member | None) -> Snapshot:
        """Where one of them stands.

        :param one: as the list of its federation has it; ``None``: it is not there.
        """
        raise NotImplementedError

    async def members(self, federation: str, openfl: bool) -> list[Member]:
        """Who takes part in a federation."""
        fedlcm = await self.client()
        if openfl:
            both = await fedlcm.openfl.members(federation)
            return [*([both.director] if both.director else ()), *both.envoys]
        all_of_it = await fedlcm.fate.members(federation)
        return [*([all_of_it.exchange] if all_of_it.exchange else ()), *all_of_it.clusters]

    async def in_role(self, federation: str, role: Role) -> list[Member]:
        """Who takes part in a role."""
        from airflow_provider_fate.clients.fedlcm import Role

        fedlcm = await self.client()
        if role.is_openfl:
            members = await fedlcm.openfl.members(federation)
            one = [members.director] if members.director else []
            return [*(one if role is Role.DIRECTOR else members.envoys)]
        others = await fedlcm.fate.members(federation)
        exchange = [others.exchange] if others.exchange else []
        return [*(exchange if role is Role.EXCHANGE else others.clusters)]

    async def log_of(self, uuid: str) -> EventLog:
        """What has happened to it."""
        return await (await self.client()).events.of(uuid)

    async def federation(self, name: str, role: Role) -> LcmFederation | None:
        """The federation of a name or an id, of the kind that has such a role."""
        kind = "OpenFL" if role.is_openfl else "FATE"
        for one in await (await self.client()).federations.list():
            if one.type == kind and name in (one.name, one.uuid):
                return one
        return None

    async def needed_federation(self, name: str, role: Role) -> LcmFederation:
        """The same.

        :raises FateInputError: there is none.
        """
        found = await self.federation(name, role)
        if found is None:
            kind = "OpenFL" if role.is_openfl else "FATE"
            raise FateInputError(
                f"federation={name!r}: FedLCM has no federation with {kind} of this name or id.",
                hint="Make it first, with FateLcmFederationOperator.",
            )
        return found

    async def remove(self, ref: ParticipantRef, *, force: bool) -> bool:
        """Give the order to remove it; return whether it was there."""
        from airflow_provider_fate.clients.fedlcm import Role

        fedlcm, role = await self.client(), Role(ref.role)
        group = fedlcm.openfl if role.is_openfl else fedlcm.fate
        return await group.remove(ref.federation, role, ref.uuid, force=force)

    # -- for people ---------------------------------------------------------------------------------------------------

    async def diagnose(self, ref: ParticipantRef, ending: Ending) -> Explanation:
        """Tell what has happened in FedLCM's words, without passwords: only its events say why."""
        secrets = await self._secrets(ref)
        events = (await self.log_of(ref.uuid)).since("start ", "creating envoy") if ref.uuid else []
        words = [fit_to_show(event.words, secrets) for event in events]
        if not ending.state.is_over:
            return Explanation(reason=words[-1] if words else ending.detail)
        reason = ending.detail if ending.detail.startswith(LOST) else fit_to_show(reason_of(events), secrets)
        error = FateClusterFailed(
            f"{ref.id}: {reason or ending.detail}", hint=self.way_out(ref, reason or ending.detail), states=words
        )
        return Explanation(error=error, notes=[f"FedLCM: {one}" for one in words])

    def way_out(self, ref: ParticipantRef, words: str) -> str:
        """What to do about a bad end."""
        if words.startswith(LOST):
            return (
                "It was restarted meanwhile, and resumes nothing. The next try removes what is left, and begins anew."
            )
        if "existing installations" in words:
            return "KubeFATE has a cluster in this namespace already: remove it there, or take another namespace."
        if "load balancer" in words:
            return "Kubernetes gives no address to its services: take service_type='NodePort'."
        return (
            "FedLCM has uninstalled nothing. Look further at the KubeFATE and the namespace; the next try removes it."
        )

    async def begun(self, attempt: Attempt, request: RequestT) -> Sequence[ParticipantRef]:
        """What a kill in the middle of a submit has to stop: a deployment of this task, and nothing else."""
        begun = await super().begun(attempt, request)
        return [ref for ref in begun if self.kill(ref) is Kill.STOPS]

    def kill(self, ref: ParticipantRef) -> Kill:
        """An upgrade cannot be cancelled."""
        return Kill.CANNOT if ref.ownership is Ownership.CHANGED else super().kill(ref)

    @classmethod
    def prepare(cls) -> None:
        """Import what the verbs need."""
        import airflow_provider_fate.clients.fedlcm
        import airflow_provider_fate.clusters.fedlcm
        import airflow_provider_fate.clusters.secrets
        import airflow_provider_fate.hooks.fedlcm  # noqa: F401

    async def close(self) -> None:
        """Close the client."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _secrets(self, ref: ParticipantRef) -> list[str] | None:
        """Passwords in its deployment YAML, which an event may quote; ``None``: it is gone, and so is the YAML."""
        from airflow_provider_fate.clients.fedlcm import Role
        from airflow_provider_fate.clusters.fedlcm import document_of
        from airflow_provider_fate.clusters.secrets import secret_values

        if not ref.uuid:
            return []
        fedlcm, role = await self.client(), Role(ref.role)
        group = fedlcm.openfl if role.is_openfl else fedlcm.fate
        one = await group.get(ref.federation, role, ref.uuid)
        try:
            return None if one is None else secret_values(document_of(one.deployment))
        except FateInputError:
            return []  # it was deployed by somebody else, and there is none


def _of(members: Sequence[Member], uuid: str) -> Member | None:
    return next((one for one in members if one.uuid == uuid), None)


def result_base(ref: ParticipantRef) -> dict[str, Any]:
    """What every result begins with."""
    return {
        "role": ref.role,
        "name": ref.name,
        "participant_id": ref.uuid,
        "federation": ref.federation_name,
        "federation_id": ref.federation,
    }
