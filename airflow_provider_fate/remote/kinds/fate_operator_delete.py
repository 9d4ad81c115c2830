"""Objects of FATE-Operator that are removed, unless others' objects would go with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_fate.remote.kinds.fate_operator import pull_secrets_of
from airflow_provider_fate.remote.kinds.fate_operator_guard import refuse_others, refuse_used
from airflow_provider_fate.remote.kinds.kubernetes_delete import KubernetesDelete, KubernetesName

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubernetes import Json

__all__ = ["FateResourceDelete", "FateResourceName"]


@dataclass(frozen=True)
class FateResourceName(KubernetesName):
    """An object of FATE-Operator.

    :param allow_wipe: remove a cluster although others' objects may go with it.
    """

    allow_wipe: bool = False


class FateResourceDelete(KubernetesDelete):
    """A removal by FATE-Operator's controller."""

    async def check(self, request: KubernetesName, there: Json) -> None:
        """Look what would go with it.

        :raises FateConflictError: others' objects, or the way to remove clusters.
        """
        client = await self.client()
        if request.kind == "Kubefate":
            await refuse_used(client, there)
        if request.kind == "FateCluster" and not (isinstance(request, FateResourceName) and request.allow_wipe):
            way_out = "Move them to another namespace, or accept their loss with allow_wipe=True."
            await refuse_others(client, request.namespace, request.name, pull_secrets_of(there), way_out)
