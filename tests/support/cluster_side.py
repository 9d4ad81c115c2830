"""A fake KubeFATE whose clusters' FATE-Flow is a fake one, with an Airflow connection; and tasks that use both."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_fate.clients.kubefate.auth import forget_tokens
from airflow_provider_fate.operators.cluster import (
    FateClusterDeleteOperator,
    FateClusterDeployOperator,
    FateClusterUpdateOperator,
)
from tests.support.fake_flow import FakeFlow
from tests.support.fake_kubefate import FakeKubefate
from tests.support.fake_kubefate.server import PASSWORD
from tests.support.task import Task

CONN = "kubefate_there"
SECRET = "mysql-s3cret"


def connect_kubefate(monkeypatch: pytest.MonkeyPatch, fake: FakeKubefate) -> None:
    forget_tokens()
    given = {"conn_type": "kubefate", "host": "127.0.0.1", "port": fake.port, "login": "admin", "password": PASSWORD}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN.upper()}", json.dumps(given | {"extra": {"timeout": 5}}))


def party(flow: FakeFlow | None = None, **changes: Any) -> dict[str, Any]:
    """A cluster.yaml whose FATE-Flow answers where ``flow`` does."""
    values: dict[str, Any] = {
        "name": "fate-9999",
        "namespace": "fate-9999",
        "chartName": "fate",
        "chartVersion": "v2.0.0",
        "partyId": 9999,
        "modules": ["osx", "clustermanager", "nodemanager", "mysql", "python", "fateboard"],
        "computing": "Eggroll",
        "federation": "OSX",
        "ingress": {"fateboard": {"hosts": [{"name": "party9999.fateboard.example.com"}]}},
        "osx": {"type": "NodePort", "nodePort": 30091},
        "mysql": {"password": SECRET},
    }
    if flow is not None:
        values["python"] = {"type": "NodePort", "httpNodePort": flow.port}
    return values | changes


def deploy(cluster: Any, **arguments: Any) -> Task:
    given: dict[str, Any] = {"task_id": "deploy", "kubefate_conn_id": CONN, "poll_interval": 0.05} | arguments
    return Task(lambda: FateClusterDeployOperator(cluster=cluster, **given), templates={"mysql": SECRET})


def update(cluster: Any, **arguments: Any) -> Task:
    given: dict[str, Any] = {"task_id": "update", "kubefate_conn_id": CONN, "poll_interval": 0.05} | arguments
    return Task(lambda: FateClusterUpdateOperator(cluster=cluster, **given))


def delete(name: str = "fate-9999", namespace: str = "fate-9999", **arguments: Any) -> Task:
    given: dict[str, Any] = {"task_id": "delete", "kubefate_conn_id": CONN, "poll_interval": 0.05} | arguments
    return Task(lambda: FateClusterDeleteOperator(name=name, namespace=namespace, **given))


def until(condition: Callable[[], Any], patience: float = 10.0) -> None:
    """Wait for something that the fake does by itself, which it does while it is asked."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def live_of(fake: FakeKubefate) -> list[dict[str, Any]]:
    """Clusters that there are when the fake has done what it has to do by now, as if somebody had asked."""
    with fake.lock:
        fake._work()
    return fake.live
