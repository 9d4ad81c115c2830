"""FATE-Operator: what its controller does not tell, and what it would destroy, each with its own test."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.errors import FateConflictError, FateObjectFailed
from airflow_provider_fate.operators.fate_operator import (
    FateClusterResourceOperator,
    FateJobResourceOperator,
    FateKubefateResourceOperator,
    FateResourceDeleteOperator,
)
from tests.kubernetes.test_apply import finish, soon
from tests.support.cluster_of_kubernetes import CONN_ID, NOT_PULLED, Cluster, container
from tests.support.fate_operator import CLUSTER, KUBEFATE, Operator, path
from tests.support.kubelet import Kubelet
from tests.support.task import Task, in_worker

JOB = "81a2c7a4-0000-0000-0000-000000000000"


def kubefate(namespace: str, spec: Any = KUBEFATE) -> Task:
    return Task(
        lambda: FateKubefateResourceOperator(
            task_id="task", name="kubefate", namespace=namespace, spec=spec, kubernetes_conn_id=CONN_ID
        )
    )


def deploy(namespace: str, used: str, **arguments: Any) -> Task:
    given = {"cluster": CLUSTER, "kubefate_namespace": used, **arguments}
    return Task(
        lambda: FateClusterResourceOperator(
            task_id="task", name="fate-9999", namespace=namespace, kubernetes_conn_id=CONN_ID, **given
        )
    )


def job(namespace: str, name: str = "train", **arguments: Any) -> Task:
    given = {
        "cluster": "fate-9999",
        "cluster_namespace": namespace,
        "pipeline": {"components": {}},
        "modules_conf": {},
        **arguments,
    }
    return Task(
        lambda: FateJobResourceOperator(
            task_id="task", name=name, namespace=namespace, kubernetes_conn_id=CONN_ID, **given
        )
    )


def remove(resource: str, namespace: str, name: str, **arguments: Any) -> Task:
    return Task(
        lambda: FateResourceDeleteOperator(
            task_id="task",
            resource=resource,
            name=name,
            namespace=namespace,
            kubernetes_conn_id=CONN_ID,
            **arguments,
        )
    )


@pytest.fixture
def home(cluster: Cluster, operator: Operator) -> str:
    """A namespace with a Kubefate that runs."""
    namespace = cluster.namespace()
    operator.kubefate(namespace)
    return namespace


@pytest.fixture
def own(cluster: Cluster, operator: Operator) -> str:
    """A namespace for a cluster."""
    return cluster.namespace()


# -- Kubefate


def test_kubefate_is_not_up_before_it_has_pods(operator: Operator, own: str) -> None:
    mine = kubefate(own)
    trigger = mine.start()
    operator.deployment(own, "kubefate-kubefate-kubefate", {}, available=0)
    operator.deployment(own, "kubefate-mariadb-kubefate", {}, available=1)
    operator.writes("Kubefate", own, "kubefate", status="Running")
    soon(1.5, operator.set_available, own, "kubefate-kubefate-kubefate", 1)

    result = finish(mine, trigger)

    assert result["host"] == "kubefate.example.org"
    seen = operator.cluster.get(f"/apis/apps/v1/namespaces/{own}/deployments/kubefate-kubefate-kubefate")
    assert seen is not None
    assert seen["status"]["availableReplicas"] == 1


def test_kubefate_with_a_password_in_plain_text_is_refused(own: str) -> None:
    spec = {**KUBEFATE, "config": [{"name": "MYSQL_PASSWORD", "value": "not-for-everybody"}]}
    with pytest.raises(AirflowFailException, match="the value of MYSQL_PASSWORD stands in the object") as caught:
        kubefate(own, spec).start()
    assert "not-for-everybody" not in str(caught.value)


def test_a_kubefate_that_clusters_need_is_not_removed(operator: Operator, home: str, own: str) -> None:
    deploy(own, home).start()
    with pytest.raises(FateConflictError, match=f"is needed by FateCluster {own}/fate-9999"):
        remove("Kubefate", home, "kubefate").start()


# -- FateCluster


def test_a_cluster_that_runs(operator: Operator, home: str, own: str) -> None:
    mine = deploy(own, home)
    trigger = mine.start()
    operator.writes("FateCluster", own, "fate-9999", status="Pending")
    soon(1.0, lambda: operator.writes("FateCluster", own, "fate-9999", status="Unavailable", jobId=JOB))
    soon(1.5, lambda: operator.writes("FateCluster", own, "fate-9999", status="Creating", jobId=JOB, clusterId="c-1"))
    soon(2.5, lambda: operator.writes("FateCluster", own, "fate-9999", status="Running", jobId=JOB, clusterId="c-1"))

    result = finish(mine, trigger)

    assert result["cluster_id"] == "c-1"
    assert result["flow_host"] == f"fateflow.{own}:9380"
    body = operator.cluster.get(path("FateCluster", own, "fate-9999"))
    assert body is not None
    assert body["spec"]["clusterSpec"]["namespace"] == own


def test_a_cluster_stuck_in_creating_whose_pods_have_gone_has_failed(
    operator: Operator, home: str, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_fate.remote.kinds.fate_operator.EMPTIED", 0.5)
    mine = deploy(own, home)
    trigger = mine.start()
    pod = operator.cluster.pod(own, "python-0", {"name": "fate-9999"}, container({"waiting": {"reason": "Starting"}}))
    operator.writes("FateCluster", own, "fate-9999", status="Creating", jobId=JOB)
    soon(2.5, lambda: operator.cluster.ask("DELETE", pod, {"gracePeriodSeconds": 0}))

    with pytest.raises(FateObjectFailed, match="KubeFATE has removed all pods again") as caught:
        finish(mine, trigger)

    assert f"kubefate job describe {JOB}" in str(caught.value)


def test_a_cluster_stuck_in_unavailable_without_a_pod_has_failed(
    operator: Operator, home: str, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_fate.remote.kinds.fate_operator.BARE", 1.0)
    mine = deploy(own, home)
    trigger = mine.start()
    operator.writes("FateCluster", own, "fate-9999", status="Unavailable", jobId=JOB)
    with pytest.raises(FateObjectFailed, match="Unavailable, but KubeFATE has made no pod for 1 s"):
        finish(mine, trigger)


def test_a_cluster_whose_image_cannot_be_pulled_has_failed(operator: Operator, home: str, own: str) -> None:
    mine = deploy(own, home, pod_patience=timedelta(seconds=1))
    trigger = mine.start()
    operator.cluster.pod(own, "python-0", {"name": "fate-9999"}, NOT_PULLED)
    operator.writes("FateCluster", own, "fate-9999", status="Creating", jobId=JOB)
    with pytest.raises(FateObjectFailed, match=r"pod python-0, container main: its image .* cannot be pulled"):
        finish(mine, trigger)


def test_a_namespace_with_others_objects_is_refused_before_a_deployment(
    operator: Operator, home: str, own: str
) -> None:
    operator.deployment(own, "shop", {"name": "shop"}, available=1)
    operator.secret(own, "shop-password")
    with pytest.raises(FateConflictError, match="Deployment shop, Secret shop-password") as caught:
        deploy(own, home).start()
    assert "shared_namespace=True" in str(caught.value)
    assert operator.cluster.get(path("FateCluster", own, "fate-9999")) is None


def test_a_cluster_is_not_removed_where_others_objects_might_go_with_it(
    operator: Operator, home: str, own: str
) -> None:
    deploy(own, home).start()
    operator.deployment(own, "shop", {"name": "shop"}, available=1)
    with pytest.raises(FateConflictError, match="Deployment shop"):
        remove("FateCluster", own, "fate-9999").start()
    body = operator.cluster.get(path("FateCluster", own, "fate-9999"))
    assert body is not None
    assert "deletionTimestamp" not in body["metadata"]
    remove("FateCluster", own, "fate-9999", allow_wipe=True).start()
    going = operator.cluster.get(path("FateCluster", own, "fate-9999"))
    assert going is not None
    assert going["metadata"]["deletionTimestamp"]


def test_what_belongs_to_the_cluster_is_no_stranger(operator: Operator, home: str, own: str) -> None:
    operator.secret(own, "pull")
    spec = {**CLUSTER, "imagePullSecrets": [{"name": "pull"}]}
    trigger = deploy(own, home, cluster=spec).start()
    assert trigger.ref["pull_secrets"] == ["pull"]
    operator.deployment(own, "python", {"name": "fate-9999"}, available=1)
    soon(1.0, operator.cluster.release, path("FateCluster", own, "fate-9999"))
    assert remove("FateCluster", own, "fate-9999").run()["removed"] is True


def test_a_kill_leaves_a_cluster_in_a_shared_namespace(operator: Operator, home: str, own: str) -> None:
    operator.secret(own, "of-somebody")
    mine = deploy(own, home, shared_namespace=True)
    trigger = mine.start()
    in_worker(mine, trigger).on_kill()
    body = operator.cluster.get(path("FateCluster", own, "fate-9999"))
    assert body is not None
    assert "deletionTimestamp" not in body["metadata"]


def test_a_cluster_without_its_kubefate_is_refused(operator: Operator, home: str, own: str) -> None:
    with pytest.raises(AirflowFailException, match="there is no such Kubefate"):
        deploy(own, home, kubefate="other").start()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host": {"fateboard": "x"}}, "FATE-Operator drops what it does not know"),
        ({"osx": {}, "computing": "Spark"}, r"cluster\.computing, cluster\.osx"),
        ({"partyId": "9999"}, "cluster.partyId='9999' is no party id"),
        ({"chartVersion": "v2.0.0"}, "knows the charts of FATE 1.4 and 1.5 only"),
        ({"nodemanager": {}}, "sessionProcessorsPerNode is missing"),
        ({"chartName": ""}, "chartName is missing"),
    ],
)
def test_a_cluster_that_the_controller_would_not_make_is_refused(
    own: str, home: str, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(AirflowFailException, match=words):
        deploy(own, home, cluster={**CLUSTER, **changes}).start()


def test_kubernetes_of_1_22_and_later_is_refused(
    cluster: Cluster, operator: Operator, home: str, own: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airflow_provider_fate.clusters.fate_operator.NEWEST", (0, -1))  # the server is newer
    with pytest.raises(AirflowFailException, match="FATE-Operator does not work on Kubernetes v") as caught:
        deploy(own, home).start()
    assert "FateClusterDeployOperator" in str(caught.value)
    assert cluster.get(path("FateCluster", own, "fate-9999")) is None


# -- FateJob


@pytest.fixture
def runs(operator: Operator, home: str, own: str) -> str:
    """A namespace with a cluster that runs."""
    deploy(own, home).start()
    operator.writes("FateCluster", own, "fate-9999", status="Running", jobId=JOB, clusterId="c-1")
    return own


def test_a_job_that_succeeds(operator: Operator, runs: str) -> None:
    mine = job(runs)
    trigger = mine.start()
    body = operator.cluster.get(path("FateJob", runs, "train"))
    assert body is not None
    assert json.loads(body["spec"]["jobConf"]["pipeline"]) == {"components": {}}
    soon(1.0, lambda: operator.writes("FateJob", runs, "train", status="Running", jobStatus={"active": 1}))
    soon(2.0, lambda: operator.writes("FateJob", runs, "train", status="Succeeded", jobStatus={"succeeded": 1}))
    assert finish(mine, trigger)["name"] == "train"


def test_a_job_that_the_controller_calls_running_for_ever_has_failed(
    operator: Operator, runs: str, kubelet: Kubelet, capfd: pytest.CaptureFixture[str]
) -> None:
    mine = job(runs)
    trigger = mine.start()
    ended = container({"terminated": {"exitCode": 1, "reason": "Error"}})
    operator.cluster.pod(runs, "train-x1", {"name": "train"}, {**ended, "phase": "Failed"})
    kubelet.logs[runs, "train-x1", "main", False] = "submitting\nno table of this name\n"
    over = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "6 times"}
    operator.writes("FateJob", runs, "train", status="Running", jobStatus={"failed": 6, "conditions": [over]})

    with pytest.raises(FateObjectFailed, match="its pods have failed: BackoffLimitExceeded: 6 times"):
        finish(mine, trigger)

    assert "log of pod train-x1, container main: no table of this name" in capfd.readouterr().out


def test_a_quotation_mark_that_would_end_in_a_shell_is_refused(runs: str) -> None:
    with pytest.raises(AirflowFailException, match="modules_conf holds the character '"):
        job(runs, modules_conf={"note": "'; rm -rf / #"}).start()


def test_a_job_takes_no_name_of_another_run(operator: Operator, runs: str) -> None:
    job(runs).start()
    other = job(runs)
    other.ti.run_id = "tomorrow"
    with pytest.raises(FateConflictError, match="is there already, made by dag dag, run run, task task"):
        other.start()


def test_a_job_without_its_cluster_is_refused(own: str, home: str) -> None:
    with pytest.raises(AirflowFailException, match="there is no such FateCluster"):
        job(own).start()
