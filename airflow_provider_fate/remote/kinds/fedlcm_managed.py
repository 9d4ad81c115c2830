"""Exchanges, clusters and directors that FedLCM deploys through a KubeFATE."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from airflow_provider_fate.errors import FateConflictError, FateInputError
from airflow_provider_fate.remote.kinds.fedlcm_deploy import Asked, ParticipantDeploy
from airflow_provider_fate.remote.work import Attempt

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fedlcm import (
        CertificateMode,
        Chart,
        ImageRegistry,
        LcmFederation,
        ServiceType,
    )
    from airflow_provider_fate.remote.kinds.fedlcm import Member

__all__ = ["DirectorDeploy", "ExchangeDeploy", "FateDeploy", "ManagedAsked"]


@dataclass(frozen=True, kw_only=True)
class ManagedAsked(Asked):
    """What is deployed.

    :param endpoint: name or id of the KubeFATE in FedLCM.
    :param version: of the chart; empty: the newest that FedLCM has.
    :param portal: with the services of the site portal.
    :param values: changes of FedLCM's deployment YAML; may hold passwords.
    :param notebook_password: of a director; empty: none.
    """

    namespace: str
    endpoint: str
    version: str = ""
    portal: bool = False
    service_type: ServiceType
    party_id: int = 0
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    certificates: Mapping[str, CertificateMode] = field(default_factory=dict)
    registry: ImageRegistry
    enable_psp: bool = False
    enable_persistence: bool = False
    storage_class: str = ""
    gpus: int = 0
    notebook_password: str = field(default="", repr=False)

    def is_like(self, one: Member) -> bool:
        """Whether namespace, party id and version are the same; what else it has been given is not compared."""
        from airflow_provider_fate.clients.fedlcm import FateParticipant

        if one.namespace != self.namespace:
            return False
        if not isinstance(one, FateParticipant):
            return True
        same_party = not self.party_id or one.party_id == self.party_id
        return same_party and (not self.version or one.version == self.version)


class FateDeploy(ParticipantDeploy[ManagedAsked]):
    """A cluster, and what others have in common with it."""

    async def begin(self, attempt: Attempt, federation: LcmFederation, request: ManagedAsked, description: str) -> str:
        """Make the deployment YAML, and give the order."""
        from airflow_provider_fate.clients.fedlcm import FateOrder, Role
        from airflow_provider_fate.clusters.fedlcm import document_of, merged

        fedlcm, role = await self.client(), request.role
        await self._check(federation, request)
        chart = await self._chart(request)
        endpoint = await self._endpoint(request)
        document = merged(document_of(await self._template(federation, request, chart)), request.values)
        order = FateOrder(
            name=request.name,
            description=description,
            namespace=request.namespace,
            chart_uuid=chart.uuid,
            endpoint_uuid=endpoint,
            deployment=yaml.safe_dump(document, sort_keys=False),
            service_type=request.service_type,
            enable_psp=request.enable_psp,
            registry=request.registry,
            certificates=request.certificates,
            extra=self._extra(request),
        )
        attempt.go_on()
        if role is Role.DIRECTOR:
            return await fedlcm.openfl.deploy(federation.uuid, order)
        return await fedlcm.fate.deploy(federation.uuid, role, order)

    async def _check(self, federation: LcmFederation, request: ManagedAsked) -> None:
        """Check what FedLCM would refuse, and what it would not say until later."""
        from airflow_provider_fate.clients.fedlcm import CertificateMode, FateStatus, Role

        fedlcm = await self.client()
        if request.role is Role.CLUSTER:
            exchange = (await fedlcm.fate.members(federation.uuid)).exchange
            if exchange is None or exchange.status is not FateStatus.ACTIVE:
                stands = f"stands at {exchange.status.name.lower()}" if exchange else "is not there"
                raise FateConflictError(
                    f"The exchange of {federation.name} {stands}, and a cluster needs it.",
                    hint="Deploy it before, with FateLcmExchangeOperator.",
                )
            if not await fedlcm.fate.is_free(federation.uuid, request.party_id):
                raise FateConflictError(
                    f"party_id={request.party_id} is used by another cluster of {federation.name}.",
                    hint="Remove that one, or take another party id.",
                )
        wants = CertificateMode.CREATE in request.certificates.values()
        if wants and await fedlcm.authority.get() is None:
            raise FateInputError(
                "certificates=True: FedLCM has no certificate authority.",
                hint="Configure one in FedLCM, or set certificates=False.",
            )

    async def _chart(self, request: ManagedAsked) -> Chart:
        from airflow_provider_fate.clients.fedlcm import ChartType

        kind = ChartType[request.role.name]
        charts = await (await self.client()).charts.list(kind)
        fitting = [one for one in charts if one.portal == request.portal]
        chosen = [one for one in fitting if request.version in ("", one.version)]
        if chosen:
            return max(chosen, key=lambda one: _number(one.version))
        known = ", ".join(sorted(one.version for one in fitting)) or "none"
        hint = "Take one of these."
        if not charts:
            hint = "OpenFL is offered only where LIFECYCLEMANAGER_EXPERIMENT_ENABLED is set on FedLCM."
        with_portal = " with the site portal" if request.portal else ""
        raise FateInputError(
            f"version={request.version!r}: FedLCM has no such chart for a {request.role}{with_portal}; it has {known}.",
            hint=hint,
        )

    async def _endpoint(self, request: ManagedAsked) -> str:
        from airflow_provider_fate.clients.fedlcm import EndpointStatus

        endpoints = await (await self.client()).endpoints.list()
        for one in endpoints:
            if request.endpoint not in (one.name, one.uuid):
                continue
            if one.status is not EndpointStatus.READY:
                raise FateConflictError(
                    f"endpoint={request.endpoint!r}: FedLCM calls this KubeFATE {one.status.name.lower()}, not ready.",
                    hint="Its events in FedLCM say why.",
                )
            return one.uuid
        known = ", ".join(sorted(one.name for one in endpoints)) or "none"
        raise FateInputError(f"endpoint={request.endpoint!r}: FedLCM has no such KubeFATE; it has {known}.")

    async def _template(self, federation: LcmFederation, request: ManagedAsked, chart: Chart) -> str:
        return await (await self.client()).fate.cluster_deployment(
            federation.uuid,
            request.party_id,
            request.name,
            request.namespace,
            chart.uuid,
            request.service_type,
            enable_psp=request.enable_psp,
            enable_persistence=request.enable_persistence,
            storage_class=request.storage_class,
            gpus=request.gpus,
        )

    def _extra(self, request: ManagedAsked) -> dict[str, Any]:
        return {
            "party_id": request.party_id,
            "enable_persistence": request.enable_persistence,
            "storage_class": request.storage_class,
            "fateflow_gpu_num": request.gpus,
        }


class ExchangeDeploy(FateDeploy):
    """An exchange: a federation has one."""

    only_one = True

    async def _template(self, federation: LcmFederation, request: ManagedAsked, chart: Chart) -> str:
        return await (await self.client()).fate.exchange_deployment(
            request.name, request.namespace, chart.uuid, request.service_type, enable_psp=request.enable_psp
        )

    def _extra(self, request: ManagedAsked) -> dict[str, Any]:
        return {}


class DirectorDeploy(ExchangeDeploy):
    """A director of OpenFL: a federation has one."""

    async def _template(self, federation: LcmFederation, request: ManagedAsked, chart: Chart) -> str:
        from airflow_provider_fate.clients.fedlcm import hashed_for_jupyter
        from airflow_provider_fate.clusters.fedlcm import document_of, merged

        text = await (await self.client()).openfl.director_deployment(
            federation.uuid,
            request.name,
            request.namespace,
            chart.uuid,
            request.service_type,
            enable_psp=request.enable_psp,
        )
        if not request.notebook_password:
            return text
        password = {"notebook": {"password": hashed_for_jupyter(request.notebook_password)}}
        return yaml.safe_dump(merged(document_of(text), password), sort_keys=False)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.removeprefix("v").partition("-")[0].split(".") if part.isdigit())
