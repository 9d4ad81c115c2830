"""Fixture: a real Kubernetes API. Its controllers and nodes are not there: the tests play them."""

from __future__ import annotations

import itertools
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from dev.kubernetes.server import LocalKubernetes

CONN_ID = "kubernetes_test"
MERGE = "application/merge-patch+json"
_names = itertools.count()


class Cluster:
    """The API as its administrator uses it, with plain requests."""

    def __init__(self, server: LocalKubernetes) -> None:
        self.server = server
        self._client = httpx.Client(
            base_url=server.url,
            headers={"Authorization": f"Bearer {server.tokens['admin']}"},
            verify=ssl.create_default_context(cafile=str(server.certificate)),
            trust_env=False,
            timeout=30,
        )

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        content: str = "application/json",
        *,
        may_fail: bool = False,
        **query: str,
    ) -> dict[str, Any]:
        data = None if body is None else json.dumps(body)
        answer = self._client.request(method, path, content=data, params=query, headers={"Content-Type": content})
        if not answer.is_success and not may_fail:
            raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text}")
        found: dict[str, Any] = (
            answer.json() if "json" in answer.headers["Content-Type"] else {"code": answer.status_code}
        )
        return found

    # -- objects ----------------------------------------------------------------------------------------------------

    def namespace(self) -> str:
        """Make one."""
        name = f"test-{next(_names)}"
        self.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        return name

    def define(self, definition: Mapping[str, Any]) -> None:
        """Make a kind known, and wait until it is served."""
        group = definition["spec"]["group"]
        plural, version = definition["spec"]["names"]["plural"], definition["spec"]["versions"][0]["name"]
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        self.ask("POST", path, definition, may_fail=True)  # 409: another test has
        for _ in range(300):
            time.sleep(0.05)
            served = self.ask("GET", f"/apis/{group}/{version}", may_fail=True)
            if any(one["name"] == plural for one in served.get("resources", ())):
                return
        raise AssertionError(f"{plural} is not served")

    def create(self, path: str, body: Mapping[str, Any], **query: str) -> dict[str, Any]:
        return self.ask("POST", path, body, **query)

    def get(self, path: str) -> dict[str, Any] | None:
        found = self.ask("GET", path, may_fail=True)
        return None if found.get("code") == 404 else found

    def set_status(self, path: str, status: Mapping[str, Any], *, subresource: bool = True) -> None:
        """What a controller does."""
        self.ask("PATCH", path + ("/status" if subresource else ""), {"status": status}, MERGE)

    def delete(self, path: str) -> None:
        self.ask("DELETE", path, {"propagationPolicy": "Background"})

    def release(self, path: str) -> None:
        """Take all finalizers away, as the garbage collector and a controller do when their work is done."""
        self.ask("PATCH", path, {"metadata": {"finalizers": None}}, MERGE, may_fail=True)

    # -- pods -------------------------------------------------------------------------------------------------------

    def pod(
        self, namespace: str, name: str, labels: Mapping[str, str], status: Mapping[str, Any], node: str = "test-node"
    ) -> str:
        """Make a pod, in a state that a kubelet would give it."""
        container = {"name": "main", "image": "registry.example.org/fate:1"}
        spec = {"containers": [container], **({"nodeName": node} if node else {})}
        pods = f"/api/v1/namespaces/{namespace}/pods"
        self.create(pods, {"metadata": {"name": name, "labels": dict(labels)}, "spec": spec})
        self.set_status(f"{pods}/{name}", status)
        return f"{pods}/{name}"

    def event(self, body: Mapping[str, Any], reason: str, message: str) -> None:
        """A warning about an object."""
        about = body["metadata"]
        namespace = about["namespace"]
        self.create(
            f"/api/v1/namespaces/{namespace}/events",
            {
                "metadata": {"generateName": "event-", "namespace": namespace},
                "involvedObject": {
                    "kind": body["kind"],
                    "name": about["name"],
                    "namespace": namespace,
                    "uid": about["uid"],
                },
                "reason": reason,
                "message": message,
                "type": "Warning",
                "lastTimestamp": "2026-01-01T00:00:00Z",
            },
        )


def container(state: Mapping[str, Any], *, last: Mapping[str, Any] | None = None, restarts: int = 0) -> dict[str, Any]:
    """The status of a pod with one container."""
    one = {
        "name": "main",
        "image": "registry.example.org/fate:1",
        "imageID": "",
        "ready": False,
        "restartCount": restarts,
        "state": dict(state),
        "lastState": dict(last or {}),
    }
    return {"phase": "Pending", "containerStatuses": [one]}


NOT_PULLED = container(
    {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "registry.example.org/fate:1"'}}
)


@pytest.fixture(scope="session")
def kubernetes_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKubernetes]:
    """A running server; the programs are built on first use, which takes some minutes."""
    with LocalKubernetes(tmp_path_factory.mktemp("kubernetes")) as server:
        yield server


@pytest.fixture
def cluster(kubernetes_server: LocalKubernetes, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The server, with a connection to it."""
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN_ID.upper()}", json.dumps(kubernetes_server.connection()))
    return Cluster(kubernetes_server)
