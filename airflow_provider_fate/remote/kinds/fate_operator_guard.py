"""What FATE-Operator would destroy: where it cannot reach KubeFATE it removes all that is in a cluster's namespace."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateConflictError, FateKindNotServed, FatePermissionError

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubernetes import AsyncKubernetesClient, Json

__all__ = ["refuse_others", "refuse_used", "strangers"]

log = logging.getLogger(__name__)

WIPED = (
    *(("apps/v1", "Deployment"), ("v1", "Service"), ("v1", "Secret"), ("v1", "ConfigMap")),
    *(("networking.k8s.io/v1", "Ingress"), ("extensions/v1beta1", "Ingress")),
)
"""Kinds of which the controller removes all objects in a namespace."""
LOOKED_AT = 200
SHOWN = 5
_OF_KUBERNETES = frozenset({"kube-root-ca.crt", "openshift-service-ca.crt", "kubernetes"})
_TOKEN = "kubernetes.io/service-account.name"  # noqa: S105 - an annotation


async def strangers(
    client: AsyncKubernetesClient, namespace: str, cluster: str, pull_secrets: Collection[str] = ()
) -> list[str]:
    """What is in a namespace that does not belong to a cluster.

    :param cluster: KubeFATE writes its name on all that it installs.
    :param pull_secrets: which the cluster uses.
    """
    found: dict[str, None] = {}
    for api_version, kind in WIPED:
        try:
            resource = await client.resource(api_version, kind)
            objects, _ = await client.objects(resource, namespace, limit=LOOKED_AT, metadata_only=True)
        except FateKindNotServed:
            continue
        except FatePermissionError as e:
            log.warning("Whether there are others' objects in namespace %s cannot be seen: %s", namespace, e.message)
            continue
        names = (str(meta["name"]) for meta in (one["metadata"] for one in objects) if not _belongs(meta, cluster))
        found |= {f"{kind} {name}": None for name in names if not (kind == "Secret" and name in pull_secrets)}
    return list(found)


def _belongs(meta: Mapping[str, Any], cluster: str) -> bool:
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    return labels.get("name") == cluster or meta["name"] in _OF_KUBERNETES or _TOKEN in annotations


async def refuse_others(
    client: AsyncKubernetesClient, namespace: str, cluster: str, pull_secrets: Collection[str], way_out: str
) -> None:
    """Refuse what may lead to the loss of others' objects.

    :raises FateConflictError: there are such in the namespace.
    """
    if others := await strangers(client, namespace, cluster, pull_secrets):
        shown = ", ".join(others[:SHOWN]) + (f" and {len(others) - SHOWN} more" if len(others) > SHOWN else "")
        raise FateConflictError(
            f"Namespace {namespace} holds what does not belong to FateCluster {cluster}: {shown}. FATE-Operator "
            "removes all Deployments, Services, Ingresses, Secrets and ConfigMaps of the namespace where it cannot "
            "remove the cluster through KubeFATE, or where an installation has failed.",
            hint=way_out,
        )


async def refuse_used(client: AsyncKubernetesClient, kubefate: Json) -> None:
    """Refuse to remove a Kubefate that clusters need.

    :raises FateConflictError: there are such.
    """
    resource = await client.resource("app.kubefate.net/v1beta1", "FateCluster")
    here = str(kubefate["metadata"]["namespace"])
    about = {"name": kubefate["metadata"]["name"], "namespace": here}
    try:
        clusters, _ = await client.objects(resource, None)
    except FatePermissionError as e:
        log.warning("FateClusters of other namespaces cannot be seen: %s", e.message)
        clusters, _ = await client.objects(resource, here)
    users = [
        f"{one['metadata']['namespace']}/{one['metadata']['name']}"
        for one in clusters
        if (one.get("spec") or {}).get("kubefate") == about
    ]
    if users:
        raise FateConflictError(
            f"Kubefate {here}/{about['name']} is needed by FateCluster {', '.join(users)}: without it they cannot be "
            "removed any more but with all else in their namespaces.",
            hint="Remove the clusters first.",
        )
