"""Exchanges and clusters that somebody else has deployed, and FedLCM is told of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_fate.remote.kinds.fedlcm_deploy import Asked, ParticipantDeploy
from airflow_provider_fate.remote.work import Attempt

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fedlcm import Access, LcmFederation
    from airflow_provider_fate.remote.kinds.fedlcm import Member

__all__ = ["ExternalAsked", "ExternalEntry"]


@dataclass(frozen=True, kw_only=True)
class ExternalAsked(Asked):
    """What is written down.

    :param party_id: of a cluster.
    :param proxy: where its Pulsar is reached, or the traffic server of an exchange.
    :param nginx: where its nginx is.
    """

    party_id: int = 0
    proxy: Access
    nginx: Access

    def is_like(self, one: Member) -> bool:
        """Whether it is the same party at the same addresses."""
        from airflow_provider_fate.clients.fedlcm import FateParticipant, Role

        if not isinstance(one, FateParticipant) or one.is_managed or (self.party_id or one.party_id) != one.party_id:
            return False
        proxy = "pulsar-public-tls" if self.role is Role.CLUSTER else "traffic-server"
        places = {name: (access.host, access.port) for name, access in one.access.items()}
        wanted = {proxy: (self.proxy.host, self.proxy.port), "nginx": (self.nginx.host, self.nginx.port)}
        return places == wanted


class ExternalEntry(ParticipantDeploy[ExternalAsked]):
    """An entry; a managed exchange gets the route to a cluster after it."""

    async def begin(self, attempt: Attempt, federation: LcmFederation, request: ExternalAsked, description: str) -> str:
        """Write it down."""
        from airflow_provider_fate.clients.fedlcm import Role

        fate = (await self.client()).fate
        attempt.go_on()
        if request.role is Role.EXCHANGE:
            return await fate.add_exchange(
                federation.uuid,
                request.name,
                traffic_server=request.proxy,
                nginx=request.nginx,
                description=description,
            )
        return await fate.add_cluster(
            federation.uuid,
            request.name,
            request.party_id,
            pulsar=request.proxy,
            nginx=request.nginx,
            description=description,
        )
