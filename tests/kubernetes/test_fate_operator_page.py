"""The DAG of the page on FATE-Operator, run against a real API server whose controller the test plays."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.kubernetes.test_apply import finish, soon
from tests.support.cluster_of_kubernetes import Cluster
from tests.support.fate_operator import Operator, path
from tests.support.task import Task

PAGE = Path(__file__).parents[2] / "docs" / "fate-operator.md"


@pytest.fixture
def dag(cluster: Cluster, operator: Operator, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The DAG, and what it finds on Kubernetes."""
    monkeypatch.setenv("AIRFLOW_CONN_KUBERNETES_DEFAULT", json.dumps(cluster.server.connection()))
    for namespace in ("kube-fate", "fate-9999"):
        cluster.ask("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}}, may_fail=True)
    operator.kubefate("kube-fate")
    source = re.search(r"^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert source is not None
    module = ModuleType("page")
    text = source[1].replace("\ntrain_with_fate_operator()", "\nDAG = train_with_fate_operator()")
    exec(compile(text, "page", "exec"), module.__dict__)
    return module.DAG


def test_the_dag_of_the_page_deploys_trains_and_removes(cluster: Cluster, operator: Operator, dag: Any) -> None:
    def task(name: str) -> Task:
        mine = Task(lambda: copy.copy(dag.get_task(name)), templates={"ts_nodash": "20260101T000000"})
        mine.ti.task_id = name
        return mine

    deploy = task("deploy")
    trigger = deploy.start()
    running = {"status": "Running", "jobId": "j", "clusterId": "c"}
    soon(1.0, lambda: operator.writes("FateCluster", "fate-9999", "fate-9999", **running))
    assert finish(deploy, trigger)["flow_host"] == "fateflow.fate-9999:9380"

    train = task("train")
    trigger = train.start()
    name = trigger.ref["name"]
    assert name == "train-20260101t000000"
    soon(1.0, lambda: operator.writes("FateJob", "fate-9999", name, status="Succeeded", jobStatus={"succeeded": 1}))
    finish(train, trigger)

    remove = task("remove")
    trigger = remove.start()
    soon(1.0, cluster.release, path("FateCluster", "fate-9999", "fate-9999"))
    assert finish(remove, trigger)["removed"] is True
    assert cluster.get(path("FateCluster", "fate-9999", "fate-9999")) is None
