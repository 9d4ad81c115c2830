"""What a deployed cluster is, for those who use it: no password, nothing of its cluster.yaml but addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateClusterNotFound

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubefate import ClusterRecord
    from airflow_provider_fate.remote.kinds.kubefate import ClusterRef

__all__ = ["describe"]


def describe(ref: ClusterRef, cluster: ClusterRecord | None, found: Mapping[str, Any]) -> dict[str, Any]:
    """Describe it as JSON.

    :raises FateClusterNotFound: it has been removed meanwhile.
    """
    from airflow_provider_fate.clusters import ClusterDocument
    from airflow_provider_fate.clusters.addresses import connection_of, page_urls, proxy_address

    if cluster is None:
        raise FateClusterNotFound(f"{ref.id} was removed just after it was ready.")
    document = ClusterDocument.of(dict(cluster.spec))
    url = found.get("flow_url")
    return {
        "name": cluster.name,
        "namespace": cluster.namespace,
        "cluster_id": cluster.uuid,
        "chart": document.chart,
        "chart_version": document.version,
        "party_id": document.party_id,
        "status": cluster.status,
        "flow_url": url,
        "flow_version": found.get("flow_version"),
        "proxy": proxy_address(document, cluster.info.ip if cluster.info else None),
        "pages": page_urls(document),
        "connection": connection_of(document, url),
    }
