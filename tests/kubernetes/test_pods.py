"""What is wrong with the pods of an object, which its controller may not tell."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_fate.errors import FateExecutionTimeout, FateObjectFailed, FateWaitingTimeout
from tests.kubernetes.test_apply import READY, finish, soon, task
from tests.support.cluster_of_kubernetes import NOT_PULLED, Cluster, container
from tests.support.kubelet import Kubelet
from tests.support.kubernetes_kind import path

CRASHED = container(
    {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}},
    last={"terminated": {"exitCode": 1, "reason": "Error"}},
    restarts=4,
)
UNSCHEDULED = {
    "phase": "Pending",
    "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: no memory"}
    ],
}


def test_an_image_that_cannot_be_pulled_fails_the_task(cluster: Cluster, namespace: str) -> None:
    mine = task(namespace, pod_patience=timedelta(seconds=1))
    trigger = mine.start()
    cluster.pod(namespace, "one-0", {"widget": "one"}, NOT_PULLED)
    with pytest.raises(
        FateObjectFailed, match=r"pod one-0, container main: its image registry\.example\.org/fate:1 cannot be pulled"
    ):
        finish(mine, trigger)


def test_a_trouble_that_passes_does_not(cluster: Cluster, namespace: str) -> None:
    mine = task(namespace, pod_patience=timedelta(seconds=20))
    trigger = mine.start()
    pod = cluster.pod(namespace, "one-0", {"widget": "one"}, NOT_PULLED)
    soon(1.0, cluster.set_status, pod, container({"running": {"startedAt": "2026-01-01T00:00:00Z"}}))
    soon(1.5, cluster.set_status, path(namespace, "one"), READY)
    assert finish(mine, trigger)["name"] == "one"


def test_pods_of_others_do_not_count(cluster: Cluster, namespace: str) -> None:
    mine = task(namespace, pod_patience=timedelta(0))
    trigger = mine.start()
    cluster.pod(namespace, "two-0", {"widget": "two"}, NOT_PULLED)
    soon(1.5, cluster.set_status, path(namespace, "one"), READY)
    assert finish(mine, trigger)["name"] == "one"


def test_the_last_words_of_a_container_that_ends_again_and_again(
    cluster: Cluster, namespace: str, kubelet: Kubelet, capfd: pytest.CaptureFixture[str]
) -> None:
    mine = task(namespace, pod_patience=timedelta(seconds=1))
    trigger = mine.start()
    cluster.pod(namespace, "one-0", {"widget": "one"}, CRASHED)
    kubelet.logs[namespace, "one-0", "main", True] = "starting\nValueError: no table of this name\n"
    with pytest.raises(FateObjectFailed, match=r"again and again \(Error, exit code 1\)"):
        finish(mine, trigger)
    assert "log of pod one-0, container main: ValueError: no table of this name" in capfd.readouterr().out


def test_pods_without_room_are_a_queue(cluster: Cluster, namespace: str) -> None:
    mine = task(namespace, waiting_timeout=timedelta(seconds=2))
    trigger = mine.start()
    cluster.pod(namespace, "one-0", {"widget": "one"}, UNSCHEDULED, node="")
    soon(3.0, cluster.release, path(namespace, "one"))
    with pytest.raises(FateWaitingTimeout, match="still waited for resources") as caught:
        finish(mine, trigger)
    assert "waits for room on a node" in str(caught.value)
    assert cluster.get(path(namespace, "one")) is None, "nothing is left"


def test_out_of_time_says_why_and_leaves_nothing(cluster: Cluster, namespace: str) -> None:
    mine = task(namespace, execution_timeout=timedelta(seconds=2))
    trigger = mine.start()
    troubled: dict[str, Any] = {"type": "Ready", "status": "False", "reason": "NoDisk", "message": "no disk is free"}
    cluster.set_status(path(namespace, "one"), {"conditions": [troubled]})
    soon(3.0, cluster.release, path(namespace, "one"))
    with pytest.raises(FateExecutionTimeout, match="It was stopped") as caught:
        finish(mine, trigger)
    assert "NoDisk: no disk is free" in str(caught.value)
    assert cluster.get(path(namespace, "one")) is None
