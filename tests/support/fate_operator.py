"""Fixture: the kinds of FATE-Operator on a real API server, and what its controller writes into them.

Its own definitions are of a version that later servers refuse; these say the same of what matters here: which fields
are required, and that there is no status subresource.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.cluster_of_kubernetes import CONN_ID, Cluster
from tests.support.kubernetes_kind import ANYTHING, definition

GROUP, VERSION = "app.kubefate.net", "v1beta1"
CLUSTER_SPEC = {
    "type": "object",
    "required": ["chartName", "chartVersion", "nodemanager", "partyId"],
    "properties": {"partyId": {"type": "integer", "format": "int32"}},
    "x-kubernetes-preserve-unknown-fields": True,
}
SPECS: Mapping[str, Mapping[str, Any]] = {
    "Kubefate": ANYTHING,
    "FateCluster": {"type": "object", "properties": {"clusterSpec": CLUSTER_SPEC, "kubefate": ANYTHING}},
    "FateJob": {**ANYTHING, "required": ["fateClusterRef"]},
}
FINALIZER = "finalizers.app.kubefate.net"
CONFIG = [{"name": "MYSQL_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "kubefate-secret", "key": "mysql"}}}]
KUBEFATE = {"config": CONFIG, "ingressDomain": "kubefate.example.org"}
CLUSTER = {
    "chartName": "fate",
    "chartVersion": "v1.5.1",
    "partyId": 9999,
    "nodemanager": {"count": 1, "sessionProcessorsPerNode": 4},
    "modules": ["rollsite", "python"],
}


def path(kind: str, namespace: str, name: str = "") -> str:
    return f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{kind.lower()}s" + (f"/{name}" if name else "")


class Operator:
    """The controller's hands."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        for kind, spec in SPECS.items():
            schema = {"group": GROUP, "version": VERSION, "spec": spec}
            cluster.define(definition(f"{kind.lower()}s", kind, schema, subresource=False))

    def writes(self, kind: str, namespace: str, name: str, **status: Any) -> None:
        """Write a status, and hold the object, as the controller does."""
        body = {"metadata": {"finalizers": [FINALIZER]}, "status": status}
        self.cluster.ask("PATCH", path(kind, namespace, name), body, "application/merge-patch+json")

    def kubefate(self, namespace: str, name: str = "kubefate", status: str = "Running") -> None:
        """One that is there."""
        body = {
            "apiVersion": f"{GROUP}/{VERSION}",
            "kind": "Kubefate",
            "metadata": {"name": name},
            "spec": KUBEFATE,
        }
        self.cluster.create(path("Kubefate", namespace), body)
        self.writes("Kubefate", namespace, name, status=status)

    def deployment(self, namespace: str, name: str, labels: Mapping[str, str], available: int) -> None:
        """A Deployment with so many pods that are ready."""
        pod = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "main", "image": "x"}]}}
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": pod}
        there = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        self.cluster.create(there, {"metadata": {"name": name, "labels": dict(labels)}, "spec": spec})
        self.set_available(namespace, name, available)

    def set_available(self, namespace: str, name: str, available: int) -> None:
        status = {"replicas": 1, "readyReplicas": available, "availableReplicas": available}
        self.cluster.set_status(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}", status)

    def secret(self, namespace: str, name: str) -> None:
        self.cluster.create(f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": name}, "stringData": {}})


@pytest.fixture
def operator(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Operator:
    """FATE-Operator, whatever the release of the server is: the tests of that are others."""
    monkeypatch.setattr("airflow_provider_fate.clusters.fate_operator.NEWEST", (1, 99))
    assert CONN_ID
    return Operator(cluster)
