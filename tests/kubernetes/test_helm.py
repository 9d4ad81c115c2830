"""The manifests of helm/: a real API server takes each field of them, and the roles allow what they shall, no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.kubernetes.server import LocalKubernetes
from tests.support.cluster_of_kubernetes import Cluster

HELM = Path(__file__).resolve().parents[2] / "helm"
NAMESPACES = ("airflow", "fate-9999", "kube-fate")
PATHS = {
    "Secret": "/api/v1/namespaces/{}/secrets",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
}


def lost(given: Any, taken: Any, where: str = "") -> Iterator[str]:
    """What an object has that the server has dropped: an old one does so without a word."""
    if isinstance(given, dict):
        for key, value in given.items():
            if key == "stringData":
                continue  # is kept as `data`
            if key not in (taken or {}):
                yield f"{where}.{key}"
            else:
                yield from lost(value, taken[key], f"{where}.{key}")
    elif isinstance(given, list):
        for number, value in enumerate(given):
            yield from lost(value, taken[number], f"{where}[{number}]")
    elif given != taken:
        yield f"{where}: {given!r} became {taken!r}"


@pytest.fixture(scope="module")
def applied(kubernetes_server: LocalKubernetes) -> Cluster:
    cluster = Cluster(kubernetes_server)
    for name in NAMESPACES:
        cluster.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}}, may_fail=True)
    for file in ("connections.yaml", "network-policies.yaml", "rbac.yaml"):
        for given in yaml.safe_load_all((HELM / file).read_text()):
            taken = cluster.create(PATHS[given["kind"]].format(given["metadata"]["namespace"]), given)
            assert list(lost(given, taken)) == [], file
    return cluster


def may(
    cluster: Cluster, account: str, verb: str, resource: str, group: str = "", namespace: str = "fate-9999"
) -> bool:
    resource, _, sub = resource.partition("/")
    asked = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": sub}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": f"system:serviceaccount:airflow:{account}", "resourceAttributes": asked},
    }
    answer = cluster.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


@pytest.mark.parametrize("account", ["airflow-worker", "airflow-triggerer"])
def test_the_accounts_of_the_chart_may_do_what_the_operators_do(applied: Cluster, account: str) -> None:
    assert may(applied, account, "patch", "fateclusters", "app.kubefate.net")
    assert may(applied, account, "patch", "notebooks", "kubeflow.org")
    assert may(applied, account, "watch", "deployments", "apps")
    assert may(applied, account, "get", "pods/log")
    assert may(applied, account, "list", "events")


def test_they_may_do_no_more(applied: Cluster) -> None:
    assert not may(applied, "airflow-worker", "create", "pods")
    assert not may(applied, "airflow-worker", "create", "pods/exec")
    assert not may(applied, "airflow-worker", "create", "rolebindings", "rbac.authorization.k8s.io")
    assert not may(applied, "airflow-worker", "get", "secrets", namespace="kube-fate")
    assert not may(applied, "airflow-api-server", "get", "pods")
