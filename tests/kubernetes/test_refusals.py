"""What a real API server refuses, by name and with the way out, and with nothing left behind."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.errors import (
    FateAuthError,
    FateObjectFailed,
    FateQuotaExceeded,
    FateServerError,
    FateTlsError,
)
from airflow_provider_fate.remote.times import times_replaced
from dev.kubernetes.certificate import write_certificate
from tests.kubernetes.test_apply import finish, soon, task
from tests.support.cluster_of_kubernetes import CONN_ID, MERGE, Cluster
from tests.support.kubernetes_kind import WidgetDeleteOperator, WidgetOperator, path
from tests.support.task import Task
from tests.support.webhook import WHY, Webhook

CONNECTION = f"AIRFLOW_CONN_{CONN_ID.upper()}"


def test_a_quota(cluster: Cluster, namespace: str) -> None:
    hard = {"count/widgets.test.example.org": "0"}
    quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
    cluster.create(quotas, {"metadata": {"name": "few"}, "spec": {"hard": hard}})
    cluster.ask("PATCH", f"{quotas}/few/status", {"status": {"hard": hard, "used": hard}}, MERGE)
    with pytest.raises(FateQuotaExceeded, match="exceeded quota: few") as caught:
        _until_refused(lambda name: task(namespace, name).start())
    assert f"kubectl describe resourcequota few --namespace {namespace}" in str(caught.value)


def test_a_webhook_that_denies(cluster: Cluster, namespace: str, webhook: Webhook) -> None:
    with pytest.raises(AirflowFailException, match=f"webhook widgets.hooks.example.org: {WHY}") as caught:
        _until_refused(lambda name: task(namespace, name).start())
    assert "kubectl get validatingwebhookconfigurations" in str(caught.value)


def test_a_webhook_that_does_not_answer(cluster: Cluster, namespace: str, webhook: Webhook) -> None:
    webhook.close()
    with pytest.raises(FateServerError, match="failed calling webhook") as caught:
        _until_refused(lambda name: task(namespace, name).start())
    assert "does not answer: kubectl get validatingwebhookconfigurations" in str(caught.value)


def _until_refused(apply: Any) -> None:
    end = time.monotonic() + 15
    while time.monotonic() < end:  # the server hears of new quotas and webhooks from time to time
        apply(f"try-{int(time.monotonic() * 10)}")
        time.sleep(0.3)
    raise AssertionError("it is accepted")


def test_a_role_that_is_missing(cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION, json.dumps(cluster.server.connection("weak")))
    with pytest.raises(AirflowFailException, match='User "weak" cannot get resource "widgets"') as caught:
        task(namespace).start()
    assert f"kubectl auth can-i get widgets.test.example.org --namespace {namespace}" in str(caught.value)


def test_a_role_that_is_lost_while_it_is_waited_for(
    cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = task(namespace).start()
    monkeypatch.setenv(CONNECTION, json.dumps(cluster.server.connection("weak")))
    with pytest.raises(Exception, match="cannot list resource") as caught:
        finish(task(namespace), trigger)
    assert "kubectl auth can-i list widgets.test.example.org" in str(caught.value)


def test_a_namespace_that_is_missing(cluster: Cluster, namespace: str) -> None:
    with pytest.raises(AirflowFailException, match="namespace 'nowhere' does not exist") as caught:
        task("nowhere").start()
    assert "kubectl create namespace nowhere" in str(caught.value)


def test_a_kind_that_is_missing(cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        WidgetOperator, "manifest", lambda self, context: {"apiVersion": "no.such.org/v1", "kind": "Thing"}
    )
    with pytest.raises(AirflowFailException, match=r"does not serve no\.such\.org/v1 Thing") as caught:
        task(namespace).start()
    assert "kubectl api-resources --api-group=no.such.org" in str(caught.value)


def test_a_field_that_the_schema_does_not_allow(cluster: Cluster, namespace: str) -> None:
    with pytest.raises(AirflowFailException, match=r"spec\.size") as caught:
        task(namespace, spec={"size": "large"}).start()
    assert "kubectl explain widgets" in str(caught.value)
    assert cluster.get(path(namespace, "one")) is None


def test_a_token_that_is_wrong(cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = cluster.server.kubeconfig()
    config["users"][0]["user"]["token"] = "a-secret-that-must-not-be-shown"
    connection = {"conn_type": "kubernetes", "extra": {"kube_config": config}}
    monkeypatch.setenv(CONNECTION, json.dumps(connection))
    with pytest.raises(FateAuthError, match="does not know the caller") as caught:
        task(namespace).start()
    assert "must-not-be-shown" not in f"{caught.value!r} {caught.value}"


def test_a_certificate_of_somebody_else(
    cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    write_certificate(tmp_path / "other.crt", tmp_path / "other.key")
    config = cluster.server.kubeconfig()
    config["clusters"][0]["cluster"]["certificate-authority"] = str(tmp_path / "other.crt")
    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "kubernetes", "extra": {"kube_config": config}}))
    with times_replaced(reach=0.1), pytest.raises(FateTlsError, match="certificate") as caught:
        task(namespace).start()
    assert "certificate-authority" in str(caught.value)


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        ({"conn_type": "kubernetes", "extra": {"kube_config_path": "/no/such/file"}}, "does not tell how"),
        ({"conn_type": "http", "host": "x"}, "has the type 'http', not 'kubernetes'"),
    ],
)
def test_a_connection_that_is_none(
    cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any], words: str
) -> None:
    monkeypatch.setenv(CONNECTION, json.dumps(connection))
    with pytest.raises(AirflowFailException, match=words):
        task(namespace).start()


def test_names_are_checked_before_anything_is_asked(namespace: str) -> None:
    for argument, value in (("name", "Upper"), ("namespace", "a/b"), ("name", "")):
        given = {"name": "one", "namespace": namespace, argument: value}
        with pytest.raises(AirflowFailException, match=f"{argument}='{value}' is no name"):
            Task(lambda given=given: WidgetOperator(task_id="task", spec={}, **given)).start()


# -- removals ---------------------------------------------------------------------------------------------------------


def remove(namespace: str, name: str = "one") -> Task:
    return Task(
        lambda: WidgetDeleteOperator(task_id="task", name=name, namespace=namespace, kubernetes_conn_id=CONN_ID)
    )


def test_what_is_not_there_is_removed(namespace: str) -> None:
    result = remove(namespace).run()
    assert result["removed"] is False


def test_a_removal_ends_when_nothing_is_left(cluster: Cluster, namespace: str) -> None:
    body = {"apiVersion": "test.example.org/v1", "kind": "Widget", "metadata": {"name": "one", "finalizers": ["a.b/c"]}}
    cluster.create(path(namespace), body)
    mine = remove(namespace)
    trigger = mine.start()
    going = cluster.get(path(namespace, "one"))
    assert going is not None
    assert set(going["metadata"]["finalizers"]) == {"a.b/c", "foregroundDeletion"}

    mine.retry()
    again = mine.start()
    assert again.ref["uid"] == trigger.ref["uid"], "a second try takes up the removal"

    soon(1.0, cluster.release, path(namespace, "one"))
    assert finish(mine, again)["removed"] is True
    assert cluster.get(path(namespace, "one")) is None


def test_no_secret_of_the_connection_is_in_what_waits(cluster: Cluster, namespace: str) -> None:
    trigger = task(namespace).start()
    assert cluster.server.tokens["admin"] not in json.dumps(trigger.serialize())
    cluster.delete(path(namespace, "one"))
    with pytest.raises(FateObjectFailed) as caught:
        finish(task(namespace), trigger)
    assert cluster.server.tokens["admin"] not in repr(caught.value)
