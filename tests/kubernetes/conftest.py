from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_fate.remote.times import times_replaced
from tests.support.cluster_of_kubernetes import Cluster
from tests.support.kubernetes_kind import WIDGETS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.kubernetes)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AIRFLOW__FATE__POLL_INTERVAL", "0.03")
    with times_replaced(settle=0.2, reach=3.0, appear=3.0, appear_pause=0.1, stop=10.0, stop_pause=0.2, create=3.0):
        yield


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    """One in which widgets can be made."""
    cluster.define(WIDGETS)
    return cluster.namespace()
