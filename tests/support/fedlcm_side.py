"""A fake FedLCM with an Airflow connection, and tasks that use it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_fate.clients.fedlcm.auth import forget_tokens
from airflow_provider_fate.operators.fedlcm import (
    FateLcmFederationDeleteOperator,
    FateLcmFederationOperator,
    FateLcmRemoveOperator,
    FateLcmUpgradeOperator,
)
from airflow_provider_fate.operators.fedlcm_deploy import (
    FateLcmClusterOperator,
    FateLcmExchangeOperator,
    FateLcmExternalOperator,
)
from airflow_provider_fate.operators.openfl import FateLcmDirectorOperator, FateLcmEnvoyOperator
from tests.support.fake_fedlcm import PASSWORD, FakeFedlcm
from tests.support.task import Task

CONN = "fedlcm_there"
SECRET = "mysql-s3cret"


def connect_fedlcm(monkeypatch: pytest.MonkeyPatch, fake: FakeFedlcm) -> None:
    forget_tokens()
    given = {"conn_type": "fedlcm", "host": "127.0.0.1", "port": fake.port, "login": "Admin", "password": PASSWORD}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONN.upper()}", json.dumps(given | {"extra": {"timeout": 5}}))


def _task(kind: Any, given: dict[str, Any], **templates: Any) -> Task:
    if not issubclass(kind, (FateLcmFederationOperator, FateLcmFederationDeleteOperator)):
        given = {"poll_interval": 0.05} | given
    arguments = {"task_id": "task", "fedlcm_conn_id": CONN, "federation": "credit"} | given
    task = Task(lambda: kind(**arguments), templates={"secret": SECRET} | templates)
    task.ti.task_id = f"{kind.__name__}-{arguments.get('name', '')}"
    return task


def make_federation(**given: Any) -> Task:
    return _task(FateLcmFederationOperator, {"domain": "example.org"} | given)


def delete_federation(**given: Any) -> Task:
    return _task(FateLcmFederationDeleteOperator, given)


def exchange(**given: Any) -> Task:
    base = {"name": "exchange", "namespace": "fate-exchange", "endpoint": "kubefate", "certificates": False}
    return _task(FateLcmExchangeOperator, base | given)


def cluster(party: str = "9999", **given: Any) -> Task:
    base = {"name": f"party-{party}", "namespace": f"fate-{party}", "endpoint": "kubefate", "party_id": party}
    return _task(FateLcmClusterOperator, base | {"certificates": False} | given)


def external(role: str, **given: Any) -> Task:
    base = {"role": role, "name": role, "proxy": "10.0.0.5:30651", "nginx": "10.0.0.5:30930"}
    return _task(FateLcmExternalOperator, base | given)


def upgrade(**given: Any) -> Task:
    return _task(FateLcmUpgradeOperator, {"name": "party-9999", "version": "v1.11.1"} | given)


def remove(role: str = "cluster", **given: Any) -> Task:
    return _task(FateLcmRemoveOperator, {"role": role} | ({"name": "party-9999"} if role == "cluster" else {}) | given)


def director(**given: Any) -> Task:
    base = {"federation": "images", "name": "director", "namespace": "openfl", "endpoint": "kubefate"}
    return _task(FateLcmDirectorOperator, base | given)


def envoy(name: str = "hospital", **given: Any) -> Task:
    base = {"federation": "images", "name": name, "namespace": f"envoy-{name}", "kubeconfig": "{{ kubeconfig }}"}
    from tests.support.fake_fedlcm.server import KUBECONFIG

    return _task(FateLcmEnvoyOperator, base | given, kubeconfig=KUBECONFIG)
