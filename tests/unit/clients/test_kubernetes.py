"""Objects of Kubernetes without a server: what is checked, judged and named."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_fate.clients.kubernetes import Readiness, Resource, body_of, by_condition
from airflow_provider_fate.clients.kubernetes.failures import refused
from airflow_provider_fate.clients.kubernetes.pods import troubles
from airflow_provider_fate.clients.kubernetes.readiness import is_seen
from airflow_provider_fate.clusters.fate_operator import check_release, judge_cluster, judge_job, judge_kubefate
from airflow_provider_fate.errors import (
    FateConfigError,
    FateConflictError,
    FateError,
    FateInputError,
    FateProxyError,
    FateServerError,
    is_transient,
)
from airflow_provider_fate.remote.kinds.kubernetes import KubernetesRef
from airflow_provider_fate.remote.kinds.kubernetes_mark import ObjectMark, digest_of
from airflow_provider_fate.remote.kinds.kubernetes_trouble import Patience
from airflow_provider_fate.remote.states import WorkState

WIDGET = {"apiVersion": "test.example.org/v1", "kind": "Widget", "metadata": {"name": "one"}}
WIDGETS = Resource("test.example.org/v1", "Widget", "widgets")


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        ([], "list, not a mapping"),
        ({"kind": "List", "items": []}, "a list of objects"),
        ({**WIDGET, "apiVersion": None}, "manifest.apiVersion=None"),
        ({**WIDGET, "kind": ""}, "manifest.kind=''"),
        ({**WIDGET, "metadata": {"generateName": "one-"}}, "name is missing"),
        ({**WIDGET, "metadata": {"name": "../one"}}, "is no name on Kubernetes"),
        ({**WIDGET, "metadata": {"name": "one", "namespace": "b"}}, "is not namespace='a'"),
    ],
)
def test_a_manifest_that_cannot_be_applied_says_why(manifest: Any, words: str) -> None:
    with pytest.raises(FateInputError, match=words):
        body_of(manifest, namespace="a")


def test_a_manifest_is_not_changed_and_loses_what_is_not_its_own() -> None:
    given = {**WIDGET, "status": {"x": 1}, "metadata": {"name": "one", "managedFields": []}}
    body = body_of(given, namespace="a")
    assert body == {**WIDGET, "metadata": {"name": "one", "namespace": "a"}}
    assert given["status"] == {"x": 1}
    assert given["metadata"] == {"name": "one", "managedFields": []}


def test_paths_and_commands() -> None:
    pods = Resource("v1", "Pod", "pods")
    assert pods.path("a", "x") == "/api/v1/namespaces/a/pods/x"
    assert WIDGETS.path("a") == "/apis/test.example.org/v1/namespaces/a/widgets"
    assert Resource("v1", "Node", "nodes", namespaced=False).path("a", "x") == "/api/v1/nodes/x"
    assert WIDGETS.kubectl("get", "a", "one") == "kubectl get widgets.test.example.org one --namespace a"


def test_a_condition_is_judged() -> None:
    def judged(**condition: str) -> Readiness:
        return by_condition({"status": {"conditions": [{"type": "Ready", **condition}]}}, fatal=["Bad"]).readiness

    assert by_condition({}).readiness is Readiness.WAITING
    assert judged(status="True") is Readiness.READY
    assert judged(status="False", reason="Slow") is Readiness.WAITING
    assert judged(status="False", reason="Bad") is Readiness.FAILED


def test_a_status_of_an_older_generation_is_not_seen() -> None:
    assert is_seen({"metadata": {"generation": 2}, "status": {}})
    assert is_seen({"metadata": {"generation": 2}, "status": {"observedGeneration": 2}})
    assert not is_seen({"metadata": {"generation": 2}, "status": {"observedGeneration": 1}})


def pod(**state: Any) -> dict[str, Any]:
    one = {"name": "main", "image": "fate:1", **state}
    return {"metadata": {"name": "p"}, "status": {"containerStatuses": [one]}}


def test_troubles_of_pods() -> None:
    def words(body: dict[str, Any]) -> list[str]:
        return [str(one) for one in troubles(body)]

    assert words(pod(state={"waiting": {"reason": "ContainerCreating"}})) == []
    assert words(pod(state={"running": {}})) == []
    assert words(pod(state={"terminated": {"exitCode": 0}})) == []
    for reason in ("ErrImagePull", "ImagePullBackOff"):  # they take turns, and are one trouble
        (one,) = troubles(pod(state={"waiting": {"reason": reason}}))
        assert one.words == "its image fate:1 cannot be pulled"
        assert not one.hopeless
    assert troubles(pod(state={"waiting": {"reason": "InvalidImageName"}}))[0].hopeless
    assert words(pod(state={"waiting": {"reason": "CreateContainerConfigError", "message": "no secret"}})) == [
        "pod p, container main: cannot be started (CreateContainerConfigError): no secret"
    ]
    assert words(pod(state={"terminated": {"exitCode": 137, "reason": "OOMKilled"}})) == [
        "pod p, container main: has ended (OOMKilled, exit code 137)"
    ]
    evicted = {"metadata": {"name": "p"}, "status": {"phase": "Failed", "reason": "Evicted", "message": "disk"}}
    assert words(evicted) == ["pod p: has failed (Evicted): disk"]


def test_patience_counts_from_the_beginning_of_a_trouble() -> None:
    clock = [0.0]
    patience = Patience(lambda: clock[0])
    ref = KubernetesRef("v1", "Widget", "a", "one", patience=60)
    bad = pod(state={"waiting": {"reason": "ImagePullBackOff"}})
    fine = pod(state={"running": {}})

    def at(now: float, body: dict[str, Any]) -> WorkState:
        clock[0] = now
        return patience.judge(ref, "", [body]).state

    assert at(0, bad) is WorkState.RUNNING
    assert at(59, bad) is WorkState.RUNNING
    assert at(60, fine) is WorkState.RUNNING
    assert at(61, bad) is WorkState.RUNNING, "it has begun anew"
    assert at(121, bad) is WorkState.FAILED


def refusal(status: int, message: str, reason: str = "", **details: Any) -> FateError:
    body = {"kind": "Status", "message": message, "reason": reason, "details": details}
    return refused(status, body, what="Widget a/one", verb="patch", resource=WIDGETS, namespace="a", name="one")


def test_what_is_no_api_server_is_said() -> None:
    error = refused(502, "<html>bad gateway", what="Widget a/one", verb="get", resource=WIDGETS, namespace="a")
    assert isinstance(error, FateProxyError)
    assert "something that is no API server" in str(error)
    assert is_transient(error)


def test_an_api_server_that_is_not_well_is_asked_again() -> None:
    assert is_transient(refusal(500, "etcdserver: request timed out"))
    assert is_transient(refusal(429, "too many requests"))
    assert not is_transient(refusal(500, 'failed calling webhook "a.b": connection refused'))


def test_further_refusals() -> None:
    assert isinstance(refusal(403, "unable to create: namespace a because it is being terminated"), FateConflictError)
    assert "limitrange" in str(refusal(403, "maximum cpu usage per Pod is 1, but limit is 2"))
    assert isinstance(refusal(409, "the object has been modified", "Conflict"), FateConflictError)
    assert isinstance(refusal(418, "teapot"), FateServerError)


def test_a_mark_is_found_again() -> None:
    mark = ObjectMark("k" * 32, 3, digest_of(WIDGET), created_by="k" * 32, names={"dag": "d", "task": "t"})
    marked = mark.on({**WIDGET, "metadata": {"name": "one", "labels": {"app": "x"}}})
    assert ObjectMark.of(marked) == mark
    assert marked["metadata"]["labels"]["app"] == "x"
    assert ObjectMark.of(WIDGET) is None


# -- FATE-Operator


@pytest.mark.parametrize("version", ["v1.22.0", "v1.30.1-eks-1", "1.25"])
def test_a_newer_kubernetes_is_refused(version: str) -> None:
    with pytest.raises(FateConfigError, match="does not work on Kubernetes"):
        check_release(version)


@pytest.mark.parametrize("version", ["v1.15.3", "v1.21.14", "", "unknown"])
def test_an_older_kubernetes_is_not(version: str) -> None:
    check_release(version)


@pytest.mark.parametrize(
    ("word", "readiness"),
    [
        ("", Readiness.WAITING),
        ("Pending", Readiness.WAITING),
        ("Creating", Readiness.WAITING),
        ("Unavailable", Readiness.WAITING),
        ("Running", Readiness.READY),
        ("Faild", Readiness.FAILED),
        ("Deleted", Readiness.FAILED),
        ("Rollback", Readiness.FAILED),
    ],
)
def test_words_of_a_cluster(word: str, readiness: Readiness) -> None:
    assert judge_cluster({"status": {"status": word}}).readiness is readiness


def test_words_of_kubefate_and_of_a_job() -> None:
    assert judge_kubefate({}).readiness is Readiness.WAITING
    assert judge_kubefate({"status": {"status": "Faild"}}).readiness is Readiness.FAILED
    assert judge_job({}).readiness is Readiness.WAITING
    seen = judge_job({"status": {"status": "Running", "jobStatus": {"failed": 2}}})
    assert seen.reason == "Running; 2 of its pods have failed"
