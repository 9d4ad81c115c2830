"""An object of a kind of our own, on a real API server whose controllers the tests play."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.errors import FateConflictError, FateObjectFailed
from tests.support.cluster_of_kubernetes import Cluster
from tests.support.kubernetes_kind import WidgetOperator, path
from tests.support.task import Task, in_worker

READY = {"conditions": [{"type": "Ready", "status": "True"}]}
TROUBLED = {"conditions": [{"type": "Ready", "status": "False", "reason": "NoDisk", "message": "no disk is free"}]}


def task(namespace: str, name: str = "one", **arguments: Any) -> Task:
    given = {"spec": {"size": 1}, **arguments}
    return Task(lambda: WidgetOperator(task_id="task", name=name, namespace=namespace, **given))


def finish(mine: Task, trigger: Any, patience: float = 30) -> Any:
    """Wait in the triggerer, and run the rest of the task."""
    return mine.resume(asyncio.run(asyncio.wait_for(trigger.wait(), patience)))


def applied(cluster: Cluster, namespace: str) -> int:
    return sum(
        one["verb"] == "patch"
        and one.get("objectRef", {}).get("namespace") == namespace
        and one["user"]["username"] == "admin"
        and "airflow-provider-fate" in one["requestURI"]
        for one in cluster.server.requests()
        if one["stage"] == "ResponseComplete"
    )


def soon(seconds: float, call: Any, *arguments: Any) -> None:
    threading.Timer(seconds, call, arguments).start()


def test_it_is_applied_and_waited_for(cluster: Cluster, namespace: str) -> None:
    mine = task(namespace)
    trigger = mine.start()
    body = cluster.get(path(namespace, "one"))
    assert body is not None
    assert body["spec"] == {"size": 1}
    assert body["metadata"]["managedFields"][0]["manager"] == "airflow-provider-fate"
    assert body["metadata"]["annotations"]["airflow-provider-fate/dag"] == "dag"
    assert mine.ti.xcoms["kubernetes_object"]["name"] == "one"
    soon(1.5, cluster.set_status, path(namespace, "one"), READY)

    result = finish(mine, trigger)

    assert result == {
        "api_version": "test.example.org/v1",
        "kind": "Widget",
        "namespace": namespace,
        "name": "one",
        "uid": body["metadata"]["uid"],
    }


def test_a_second_try_takes_up_what_the_first_has_begun(cluster: Cluster, namespace: str) -> None:
    mine = task(namespace)
    first = mine.start()
    mine.retry()
    second = mine.start()
    assert second.ref == first.ref
    assert applied(cluster, namespace) == 1


def test_what_others_have_set_is_not_changed_without_asking(cluster: Cluster, namespace: str) -> None:
    theirs = {"apiVersion": "test.example.org/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": {"size": 7}}
    cluster.create(path(namespace), theirs, fieldManager="kubectl-edit")

    with pytest.raises(AirflowFailException, match=r"\.spec\.size \(kubectl-edit\)") as caught:
        task(namespace).start()

    assert "force_conflicts=True" in str(caught.value)
    assert f"kubectl get widgets.test.example.org one --namespace {namespace} -o yaml --show-managed-fields" in str(
        caught.value
    )
    assert cluster.get(path(namespace, "one"))["spec"] == {"size": 7}  # type: ignore[index]

    trigger = task(namespace, force_conflicts=True).start()
    assert trigger.ref["ownership"] == "changed"
    assert cluster.get(path(namespace, "one"))["spec"] == {"size": 1}  # type: ignore[index]


def test_what_was_there_is_changed_and_outlives_the_task(cluster: Cluster, namespace: str) -> None:
    yesterday = Task(
        lambda: WidgetOperator(task_id="task", name="one", namespace=namespace, spec={"size": 1, "color": "red"})
    )
    yesterday.ti.run_id = "yesterday"
    yesterday.start()
    cluster.set_status(path(namespace, "one"), READY)

    today = task(namespace, spec={"size": 2})
    trigger = today.start()
    assert trigger.ref["ownership"] == "changed"
    operator = in_worker(today, trigger)
    operator.on_kill()

    left = cluster.get(path(namespace, "one"))
    assert left is not None
    assert left["spec"] == {"size": 2}, "what is not asked for any more is gone, too"
    assert "deletionTimestamp" not in left["metadata"]


def test_a_kill_removes_what_the_task_has_made(cluster: Cluster, namespace: str) -> None:
    mine = task(namespace)
    trigger = mine.start()
    soon(1.0, cluster.release, path(namespace, "one"))  # the garbage collector has done its work

    in_worker(mine, trigger).on_kill()

    assert cluster.get(path(namespace, "one")) is None


def test_a_kill_leaves_what_another_task_has_taken_over(cluster: Cluster, namespace: str) -> None:
    first = task(namespace)
    trigger = first.start()
    other = task(namespace, spec={"size": 5})
    other.ti.task_id = "other"
    other.start()

    in_worker(first, trigger).on_kill()

    left = cluster.get(path(namespace, "one"))
    assert left is not None
    assert "deletionTimestamp" not in left["metadata"]
    with pytest.raises(FateObjectFailed, match="another task has applied it meanwhile: dag dag, run run, task other"):
        finish(first, trigger)


def test_one_that_goes_away_is_waited_for_before_it_is_made_anew(cluster: Cluster, namespace: str) -> None:
    old = {"apiVersion": "test.example.org/v1", "kind": "Widget", "metadata": {"name": "one", "finalizers": ["a.b/c"]}}
    before = cluster.create(path(namespace), old)
    cluster.delete(path(namespace, "one"))
    soon(1.0, cluster.release, path(namespace, "one"))

    trigger = task(namespace).start()

    assert trigger.ref["uid"] != before["metadata"]["uid"]
    assert trigger.ref["ownership"] == "created"


def test_one_that_does_not_go_away_is_said_with_what_holds_it(cluster: Cluster, namespace: str) -> None:
    old = {"apiVersion": "test.example.org/v1", "kind": "Widget", "metadata": {"name": "one", "finalizers": ["a.b/c"]}}
    cluster.create(path(namespace), old)
    cluster.delete(path(namespace, "one"))
    with pytest.raises(FateConflictError, match=r"still there after 3 s; held by a\.b/c"):
        task(namespace).start()


def test_deleted_behind_our_back(cluster: Cluster, namespace: str) -> None:
    mine = task(namespace)
    trigger = mine.start()
    soon(1.0, cluster.delete, path(namespace, "one"))
    with pytest.raises(FateObjectFailed, match=f"Widget {namespace}/one: it was deleted"):
        finish(mine, trigger)


def test_deleted_and_made_anew_by_somebody_else(cluster: Cluster, namespace: str) -> None:
    mine = task(namespace)
    trigger = mine.start()
    cluster.delete(path(namespace, "one"))
    other = {"apiVersion": "test.example.org/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": {"size": 1}}
    cluster.create(path(namespace), other)
    cluster.set_status(path(namespace, "one"), READY)
    with pytest.raises(FateObjectFailed, match="it was deleted, and another one has its name"):
        finish(mine, trigger)


def test_a_status_about_an_older_manifest_does_not_count(cluster: Cluster, namespace: str) -> None:
    first = task(namespace)
    first.start()
    cluster.set_status(path(namespace, "one"), {**READY, "observedGeneration": 1})
    second = task(namespace, spec={"size": 2})
    second.ti.run_id = "next"
    trigger = second.start()
    assert not isinstance(trigger, dict), "it is not taken for ready"
    soon(2.0, cluster.set_status, path(namespace, "one"), {**READY, "observedGeneration": 2})
    assert finish(second, trigger)["name"] == "one"


def test_a_failed_one_is_explained_by_its_condition_and_events(cluster: Cluster, namespace: str) -> None:
    mine = task(namespace)
    trigger = mine.start()
    body = cluster.get(path(namespace, "one"))
    assert body is not None
    cluster.event(body, "NoDisk", "no disk of class fast is left")
    broken = {"type": "Ready", "status": "False", "reason": "Broken", "message": "no disk is free"}
    cluster.set_status(path(namespace, "one"), {"conditions": [broken]})
    with pytest.raises(FateObjectFailed, match="Broken: no disk is free") as caught:
        finish(mine, trigger)
    assert f"kubectl describe widgets.test.example.org one --namespace {namespace}" in str(caught.value)


def test_work_that_is_done_once_is_made_anew_by_the_next_try(cluster: Cluster, namespace: str) -> None:
    mine = task(namespace, once=True)
    trigger = mine.start()
    broken = {"type": "Ready", "status": "False", "reason": "Broken", "message": "-"}
    cluster.set_status(path(namespace, "one"), {"conditions": [broken]})
    with pytest.raises(FateObjectFailed):
        finish(mine, trigger)
    soon(1.0, cluster.release, path(namespace, "one"))
    mine.retry()
    again = mine.start()
    assert again.ref["uid"] != trigger.ref["uid"]


def test_work_that_is_done_once_takes_no_name_of_others(cluster: Cluster, namespace: str) -> None:
    theirs = {"apiVersion": "test.example.org/v1", "kind": "Widget", "metadata": {"name": "one"}, "spec": {"size": 7}}
    cluster.create(path(namespace), theirs)
    with pytest.raises(FateConflictError, match="is there already, made by somebody else"):
        task(namespace, once=True).start()
