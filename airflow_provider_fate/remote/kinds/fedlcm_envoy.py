"""Envoys of OpenFL, which register themselves with a token."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateConflictError, FateError, FateInputError
from airflow_provider_fate.remote.kinds.fedlcm_deploy import Asked, ParticipantDeploy
from airflow_provider_fate.remote.work import Attempt

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fedlcm import LcmFederation
    from airflow_provider_fate.remote.kinds.fedlcm import Member

__all__ = ["EnvoyAsked", "EnvoyDeploy"]

log = logging.getLogger(__name__)

TOKEN_LIFE = timedelta(hours=1)
"""FedLCM draws its tokens from a generator that can be guessed, so one lives for no longer than it is needed."""


@dataclass(frozen=True, kw_only=True)
class EnvoyAsked(Asked):
    """What is deployed.

    :param kubeconfig: of the Kubernetes where it shall run.
    :param config: YAML of its shard descriptor; empty: the federation's.
    """

    namespace: str
    kubeconfig: str = field(repr=False)
    labels: Mapping[str, str] = field(default_factory=dict)
    config: str = field(default="", repr=False)
    less_privileged: bool = False
    enable_psp: bool = False

    def is_like(self, one: Member) -> bool:
        """Whether the namespace is the same."""
        return one.namespace == self.namespace


class EnvoyDeploy(ParticipantDeploy[EnvoyAsked]):
    """An envoy. Its registration gets a token of its own, which is taken away afterwards."""

    async def begin(self, attempt: Attempt, federation: LcmFederation, request: EnvoyAsked, description: str) -> str:
        """Make a token, register with it, and take it away."""
        from airflow_provider_fate.clients.fedlcm import EnvoyOrder, OpenflStatus

        fedlcm = await self.client()
        director = (await fedlcm.openfl.members(federation.uuid)).director
        if director is None or director.status is not OpenflStatus.ACTIVE:
            stands = f"stands at {director.status.name.lower()}" if director else "is not there"
            raise FateConflictError(
                f"The director of {federation.name} {stands}, and an envoy needs it.",
                hint="Deploy it before, with FateLcmDirectorOperator.",
            )
        if await fedlcm.authority.get() is None:
            raise FateInputError(
                "FedLCM has no certificate authority, and every envoy gets a certificate.",
                hint="Configure one in FedLCM.",
            )
        attempt.go_on()
        name = f"airflow-{attempt.identity.key[:12]}-{attempt.identity.try_number}"
        token = await fedlcm.openfl.create_token(
            federation.uuid, name, datetime.now(tz=UTC) + TOKEN_LIFE, description=f"for envoy {request.name}"
        )
        order = EnvoyOrder(
            kubeconfig=request.kubeconfig,
            token=token.text,
            name=request.name,
            description=description,
            namespace=request.namespace,
            labels=request.labels,
            config=request.config,
            less_privileged=request.less_privileged,
            enable_psp=request.enable_psp,
        )
        try:
            return await fedlcm.openfl.register(order)
        finally:
            try:
                await fedlcm.openfl.delete_token(federation.uuid, token.uuid)
            except FateError as e:
                log.warning("Registration token %s could not be taken away; it ends in an hour: %s", name, e.message)
