"""Services by KServe, on a real API server with KServe's published schema. Its controller is played by the tests."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.errors import (
    FateConflictError,
    FateFieldConflict,
    FateInputError,
    FateKindNotServed,
    FateNamespaceNotFound,
    FateServiceFailed,
)
from airflow_provider_fate.operators.serving import (
    FateServeOperator,
    FateServiceDeleteOperator,
    FateServicePromoteOperator,
    FateServiceRollbackOperator,
    FateServiceStartOperator,
    FateServiceStopOperator,
)
from airflow_provider_fate.serving import ServedModel, Service, ServicePhase, ServingSpec, open_backend
from airflow_provider_fate.serving.kserve.manifest import WrittenService, manifest_of
from airflow_provider_fate.serving.kserve.place import KservePlace
from tests.support.cluster_of_kubernetes import CONN_ID as CLUSTER
from tests.support.cluster_of_kubernetes import Cluster
from tests.support.kserve import PUBLISHED, SERVICES, Controller, loaded, not_loaded, revisions, schema
from tests.support.s3 import CONN_ID as S3
from tests.support.s3 import RunningS3
from tests.support.task import FakeTaskInstance, Task

NUMBERS = itertools.count()


@pytest.fixture
def place(cluster: Cluster, s3: RunningS3) -> str:
    """A namespace with KServe, and a store."""
    cluster.define(SERVICES)
    return (
        f"kserve://{CLUSTER}/{cluster.namespace()}?store=s3://{S3}@{s3.create_bucket()}/served&service_account=reader"
    )


@pytest.fixture
def controller(cluster: Cluster, place: str) -> Controller:
    return Controller(cluster, place.partition("?")[0].rpartition("/")[2])


@pytest.fixture
def models(tmp_path: Path) -> Iterator[Any]:
    """Files of models, by number; what is in them is checked elsewhere, by the conversion."""

    def model(number: int) -> str:
        file = tmp_path / f"{number}.onnx"
        file.write_bytes(b"a model %d" % number)
        return str(file)

    return model


def ask(place: str, verb: str, *arguments: Any, **more: Any) -> Any:
    async def asked() -> Any:
        backend = open_backend(place)
        try:
            return await getattr(backend, verb)(*arguments, **more)
        finally:
            await backend.close()

    return asyncio.run(asked())


def task(place: str, operator: Any, **arguments: Any) -> Task:
    """One of its own in the run."""
    ti = FakeTaskInstance(task_id=f"task-{next(NUMBERS)}")
    return Task(
        lambda: operator(task_id=ti.task_id, service="credit", backend=place, poll_interval=0.03, **arguments), ti
    )


def begin(mine: Task) -> Any:
    return mine.start()


def end(mine: Task, trigger: Any, then: Any = None) -> Any:
    """Wait in the triggerer, while KServe goes on; and run the rest of the task."""
    if then is not None:
        threading.Timer(0.5, then).start()
    return mine.resume(asyncio.run(asyncio.wait_for(trigger.wait(), 60)))


def serve(place: str, controller: Controller, model: str, number: int, **arguments: Any) -> Any:
    """One that comes up."""
    mine = task(place, FateServeOperator, model=model, version=str(number), **arguments)
    trigger = begin(mine)
    return end(mine, trigger, lambda: controller.says("credit", "Ready", "PredictorReady"))


def test_a_version_is_served(place: str, controller: Controller, models: Any, s3: RunningS3) -> None:
    result = serve(place, controller, models(1), 1)

    assert result["url"] == "http://credit.example.org/v2/models/credit/infer"
    assert (result["version"], result["canary"], result["live"]["stable"]["share"]) == ("1", None, 100)
    body = controller.body("credit")
    predictor = body["spec"]["predictor"]
    assert predictor["serviceAccountName"] == "reader"
    assert predictor["name"] == "v1"
    model = predictor["model"]
    assert (model["modelFormat"], model["protocolVersion"]) == ({"name": "onnx"}, "v2")
    assert model["storageUri"].startswith("s3://"), model
    assert "@" not in model["storageUri"], "pods know no connections of Airflow"
    bucket, _, folder = model["storageUri"].removeprefix("s3://").partition("/")
    stored = s3.client.get_object(Bucket=bucket, Key=f"{folder}/credit/1/model.onnx")["Body"].read()
    assert stored == b"a model 1", "laid out as Triton wants it"


def test_what_the_status_tells_of_the_generation_before_does_not_count(
    place: str, controller: Controller, models: Any
) -> None:
    serve(place, controller, models(1), 1)
    mine = task(place, FateServeOperator, model=models(2), version="2")
    trigger = begin(mine)
    found = ask(place, "get", "credit")
    assert found.phase is ServicePhase.STARTING, "it is ready, but as it was before"
    assert found.reason == "KServe has not seen it yet"
    result = end(mine, trigger, lambda: controller.says("credit", "Ready", "PredictorReady"))
    assert (result["version"], result["previous"]) == ("2", "1")


@pytest.mark.parametrize(
    ("transition", "reason", "words"),
    [
        ("BlockedByFailedLoad", "ModelLoadFailed", "no such key"),
        ("InvalidSpec", "NoSupportingRuntime", "no runtime found to support predictor with model type: onnx"),
        ("InvalidSpec", "RuntimeNotRecognized", "no ClusterServingRuntimes with the name: nope"),
    ],
)
def test_what_cannot_become_ready_fails_at_once(
    place: str, controller: Controller, models: Any, transition: str, reason: str, words: str
) -> None:
    serve(place, controller, models(1), 1)
    mine = task(place, FateServeOperator, model=models(2), version="2")
    trigger = begin(mine)
    status = not_loaded(transition, reason, words, active="Loaded")
    with pytest.raises(FateServiceFailed) as caught:
        end(mine, trigger, lambda: controller.says("credit", "-Ready", "-PredictorReady", modelStatus=status))
    assert f"version 2: {reason}: {words}" in str(caught.value)
    assert "What answers now: version 1 (100 %)" in str(caught.value)


def test_what_has_failed_is_begun_anew_when_it_is_asked_for_again(
    place: str, controller: Controller, models: Any
) -> None:
    mine = task(place, FateServeOperator, model=models(1), version="1")
    trigger = begin(mine)
    status = not_loaded("BlockedByFailedLoad", "ModelLoadFailed", "no such key")
    with pytest.raises(FateServiceFailed):
        end(mine, trigger, lambda: controller.says("credit", "-Ready", modelStatus=status))
    before = controller.body("credit")
    assert "annotations" not in before["spec"]["predictor"]

    assert serve(place, controller, models(1), 1)["version"] == "1"

    after = controller.body("credit")
    assert after["spec"]["predictor"]["annotations"], "by which KServe replaces its pods"
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1


def test_a_canary_beside_the_stable_version_promoted(place: str, controller: Controller, models: Any) -> None:
    serve(place, controller, models(1), 1)
    mine = task(place, FateServeOperator, model=models(2), version="2", canary=10)
    trigger = begin(mine)
    spec = controller.body("credit")["spec"]
    assert spec["predictor"]["name"] == "v1"
    assert [(one["predictor"]["name"], one["trafficPercent"]) for one in spec["canary"]] == [("v2", 10)]
    controller.says(
        "credit", "Ready", "PredictorReady",
        canaryStatuses=[{"name": "v2", "ready": False, "trafficPercent": 10, "modelStatus": loaded()}],
    )  # fmt: skip
    assert ask(place, "get", "credit").reason == "version 2 is not ready yet"
    up = [{"name": "v2", "ready": True, "trafficPercent": 10, "modelStatus": loaded()}]
    result = end(mine, trigger, lambda: controller.says("credit", "Ready", "PredictorReady", canaryStatuses=up))
    assert {track: one["share"] for track, one in result["live"].items()} == {"stable": 90, "canary": 10}

    promote = task(place, FateServicePromoteOperator, version="2")
    trigger = begin(promote)
    spec = controller.body("credit")["spec"]
    assert spec["predictor"]["name"] == "v2", "its pods stay, and get all requests"
    assert "canary" not in spec
    result = end(promote, trigger, lambda: controller.says("credit", "Ready", "PredictorReady"))
    assert (result["version"], result["previous"], result["canary"]) == ("2", "1", None)


def test_a_canary_that_is_a_revision_rolled_back(place: str, controller: Controller, models: Any) -> None:
    place += "&mode=Knative"
    serve(place, controller, models(1), 1)
    mine = task(place, FateServeOperator, model=models(2), version="2", canary=20)
    trigger = begin(mine)
    body = controller.body("credit")
    assert body["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Knative"
    assert body["spec"]["predictor"]["canaryTrafficPercent"] == 20
    assert "/2-" in body["spec"]["predictor"]["model"]["storageUri"]
    up = revisions("credit-00002", 20, "credit-00001", "credit")
    result = end(mine, trigger, lambda: controller.says("credit", "Ready", "PredictorReady", components=up))
    live = result["live"]
    assert live["canary"]["url"] == "http://latest-credit.example.org/v2/models/credit/infer"
    assert live["stable"] == {
        "version": "1", "share": 80, "url": "http://prev-credit.example.org/v2/models/credit/infer"
    }  # fmt: skip

    back = task(place, FateServiceRollbackOperator, version="2")
    trigger = begin(back)
    predictor = controller.body("credit")["spec"]["predictor"]
    assert "canaryTrafficPercent" not in predictor
    assert "/1-" in predictor["model"]["storageUri"]
    result = end(back, trigger, lambda: controller.says("credit", "Ready", "PredictorReady"))
    assert (result["version"], result["canary"]) == ("1", None)


def test_a_canary_that_does_not_load_says_so(place: str, controller: Controller, models: Any) -> None:
    serve(place, controller, models(1), 1)
    mine = task(place, FateServeOperator, model=models(2), version="2", canary=10)
    trigger = begin(mine)
    failed = not_loaded("BlockedByFailedLoad", "ModelLoadFailed", "invalid protobuf")
    told = [{"name": "v2", "ready": False, "trafficPercent": 10, "modelStatus": failed}]
    with pytest.raises(FateServiceFailed, match=r"version 2: ModelLoadFailed: invalid protobuf: exit code 1") as caught:
        end(mine, trigger, lambda: controller.says("credit", "-Ready", "PredictorReady", canaryStatuses=told))
    assert "What answers now: version 1 (100 %)" in str(caught.value)


def test_stopped_and_started(place: str, controller: Controller, models: Any) -> None:
    serve(place, controller, models(1), 1)
    stop = task(place, FateServiceStopOperator)
    trigger = begin(stop)
    assert controller.body("credit")["metadata"]["annotations"]["serving.kserve.io/stop"] == "true"
    assert end(stop, trigger, lambda: controller.says("credit", "Stopped", "-Ready"))["stopped"] is True

    start = task(place, FateServiceStartOperator)
    trigger = begin(start)
    assert "serving.kserve.io/stop" not in controller.body("credit")["metadata"]["annotations"]
    assert ask(place, "get", "credit").phase is ServicePhase.STARTING, "KServe has not noticed yet"
    result = end(start, trigger, lambda: controller.says("credit", "-Stopped", "Ready", "PredictorReady"))
    assert (result["version"], result["stopped"]) == ("1", False)


def test_a_second_try_takes_up_what_the_first_has_begun(place: str, controller: Controller, models: Any) -> None:
    mine = task(place, FateServeOperator, model=models(1), version="1")
    first = begin(mine)
    before = controller.body("credit")["metadata"]["resourceVersion"]
    mine.retry()
    second = begin(mine)
    assert second.ref == first.ref
    assert controller.body("credit")["metadata"]["resourceVersion"] == before, "nothing is written twice"


def test_two_changes_at_once_cannot_both_win(place: str, controller: Controller, models: Any) -> None:
    serve(place, controller, models(1), 1)
    service: Service = ask(place, "get", "credit")
    model = service.spec.stable.model_copy(update={"version": "2"})
    spec = ServingSpec(stable=model)
    ask(place, "apply", "credit", spec, expected=service.generation, mark=None)
    with pytest.raises(FateConflictError, match="changed by somebody else"):
        ask(place, "apply", "credit", service.spec, expected=service.generation, mark=None)
    assert ask(place, "get", "credit").spec == spec


def test_a_task_whose_change_was_overtaken_says_so(place: str, controller: Controller, models: Any) -> None:
    serve(place, controller, models(1), 1)
    mine = task(place, FateServeOperator, model=models(2), version="2")
    trigger = begin(mine)
    service: Service = ask(place, "get", "credit")
    ask(place, "apply", "credit", ServingSpec(stable=service.spec.previous), expected=service.generation, mark=None)
    with pytest.raises(FateConflictError, match="somebody has changed it since"):
        end(mine, trigger)


def test_deleted_behind_our_back(place: str, cluster: Cluster, controller: Controller, models: Any) -> None:
    mine = task(place, FateServeOperator, model=models(1), version="1")
    trigger = begin(mine)
    with pytest.raises(Exception, match="deleted by somebody"):
        end(mine, trigger, lambda: cluster.delete(controller.path("credit")))


def test_changed_by_hand_behind_our_back(place: str, cluster: Cluster, controller: Controller, models: Any) -> None:
    serve(place, controller, models(1), 1)
    cluster.ask(
        "PATCH", controller.path("credit"), {"spec": {"predictor": {"model": {"storageUri": "s3://other/model"}}}},
        "application/merge-patch+json", fieldManager="kubectl-edit",
    )  # fmt: skip
    controller.says("credit", "Ready", "PredictorReady")
    found: Service = ask(place, "get", "credit")
    assert found.phase is ServicePhase.FAILED
    assert "changed by somebody else: it loads s3://other/model" in found.reason
    with pytest.raises(FateFieldConflict, match="kubectl-edit"):
        ask(place, "apply", "credit", found.spec, expected=found.generation, mark=None)


def test_deleted(place: str, cluster: Cluster, controller: Controller, models: Any) -> None:
    serve(place, controller, models(1), 1)
    mine = task(place, FateServiceDeleteOperator)
    trigger = begin(mine)
    # The garbage collector, which is not there, would take it away when its pods are gone.
    result = end(mine, trigger, lambda: cluster.release(controller.path("credit")))
    assert result["deleted"] is True
    assert cluster.get(controller.path("credit")) is None
    assert task(place, FateServiceDeleteOperator).run()["deleted"] is False


def test_many_wait_with_one_watch(place: str, cluster: Cluster, controller: Controller) -> None:
    """In the triggerer all services of a namespace are looked at together."""
    names = [f"model-{number}" for number in range(20)]
    model = ServedModel(version="1", uri="hf://example/model", format="huggingface")

    async def waits() -> tuple[int, int]:
        backend = open_backend(place)
        try:
            for name in names:
                await backend.apply(name, ServingSpec(stable=model), expected=None, mark=None)
            await backend.look(names[0])
            await backend.look(names[0])  # from the second time on, there is a watch
            before = asked(cluster, controller)
            for _ in range(20):
                for name in names:
                    found = await backend.look(name)
                    assert found is not None
                    assert found.phase is ServicePhase.STARTING
            controller.says(names[7], "Ready", "PredictorReady")
            for _ in range(200):
                await asyncio.sleep(0.05)
                found = await backend.look(names[7])
                if found is not None and found.phase is ServicePhase.READY:
                    break
            assert found is not None
            assert found.phase is ServicePhase.READY
            return before, asked(cluster, controller)
        finally:
            await backend.close()

    before, after = asyncio.run(waits())
    assert after - before <= 3, "some 400 looks"


def asked(cluster: Cluster, controller: Controller) -> int:
    """Lists and watches of services so far."""
    return sum(
        one["verb"] in ("get", "list", "watch") and "/inferenceservices" in one["requestURI"]
        and one["user"]["username"] == "admin" and "python-httpx" not in str(one.get("userAgent"))
        for one in cluster.server.requests()
        if one["stage"] == "ResponseComplete"
    )  # fmt: skip


def test_a_model_of_another_format_is_handed_on(place: str, controller: Controller) -> None:
    model = {"uri": "s3://conn@bucket/iris/", "format": "sklearn", "version": "spring"}
    mine = task(place, FateServeOperator, model=model)
    trigger = begin(mine)
    served = controller.body("credit")["spec"]["predictor"]["model"]
    assert (served["modelFormat"]["name"], served["storageUri"]) == ("sklearn", "s3://bucket/iris")
    result = end(mine, trigger, lambda: controller.says("credit", "Ready", "PredictorReady"))
    assert result["version"] == "spring"
    for wrong in ({"format": "sklearn", "version": "1"}, {"uri": "/tmp/iris", "format": "sklearn", "version": "1"}):
        with pytest.raises(AirflowFailException, match=r"uri is missing|uri='/tmp/iris'.*that a pod"):
            begin(task(place, FateServeOperator, model=wrong))


@pytest.mark.skipif(not PUBLISHED.exists(), reason=f"KServe's published schema is not at hand ({PUBLISHED.name})")
@pytest.mark.parametrize(
    "options", ["", "&min_replicas=2&max_replicas=5&runtime=kserve-tritonserver&service_account=x"]
)
@pytest.mark.parametrize("mode", ["Standard", "Knative"])
def test_what_is_written_is_what_kserve_publishes(mode: str, options: str) -> None:
    from jsonschema import Draft202012Validator

    place = KservePlace.of(f"kserve://conn/models?mode={mode}{options}")
    one = ServedModel(version="1", uri="s3://bucket/one", sha256="0" * 64, inputs=("x0", "x1"), width=1)
    other = one.model_copy(update={"version": "2", "uri": "s3://bucket/two", "sha256": "1" * 64})
    language = ServedModel(version="2024.1_b", uri="hf://example/model", format="huggingface")
    check = Draft202012Validator(schema())
    for spec in (
        ServingSpec(stable=one),
        ServingSpec(stable=one, canary=other, share=0),
        ServingSpec(stable=other, previous=one, stopped=True),
        ServingSpec(stable=language),
    ):
        body = manifest_of("credit", spec, place, mark=None, generation=7, before=None)
        assert [error.message for error in check.iter_errors(body["spec"])] == []
        assert WrittenService.of(body) == WrittenService(spec, None, 7), "nothing is lost on the way"
    assert list(check.iter_errors({"predictor": {"model": {"storageURI": "s3://x"}}})), "a wrong name is noticed"


# -- bad input --------------------------------------------------------------------------------------------------------


def test_a_service_of_somebody_else_is_left_alone(
    place: str, cluster: Cluster, controller: Controller, models: Any
) -> None:
    theirs = {
        "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "credit"},
        "spec": {"predictor": {"model": {"modelFormat": {"name": "sklearn"}, "storageUri": "s3://theirs/model"}}},
    }  # fmt: skip
    cluster.create(controller.path(), theirs)
    with pytest.raises(AirflowFailException, match="made by somebody else"):
        begin(task(place, FateServeOperator, model=models(1), version="1"))
    with pytest.raises(AirflowFailException, match="made by somebody else"):
        begin(task(place, FateServiceDeleteOperator))
    assert controller.body("credit")["spec"]["predictor"]["model"]["storageUri"] == "s3://theirs/model"


def test_a_version_that_is_no_number(place: str, models: Any) -> None:
    with pytest.raises(AirflowFailException, match=r"version='spring'.*number versions"):
        begin(task(place, FateServeOperator, model=models(1), version="spring"))


def test_no_store(place: str, models: Any) -> None:
    with pytest.raises(AirflowFailException, match=r"store is missing[^?]*\?store=s3://"):
        begin(task(place.partition("?")[0], FateServeOperator, model=models(1), version="1"))


def test_a_model_that_is_not_there(place: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"nope\.onnx"):
        begin(task(place, FateServeOperator, model=str(tmp_path / "nope.onnx"), version="1"))


def test_a_namespace_that_is_not_there(place: str, models: Any) -> None:
    with pytest.raises((FateNamespaceNotFound, AirflowFailException), match="kubectl create namespace nowhere"):
        begin(
            task(
                f"kserve://{CLUSTER}/nowhere?{place.partition('?')[2]}", FateServeOperator, model=models(1), version="1"
            )
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kserve://conn", "namespace="),
        ("kserve://conn/Models", "namespace='Models'"),
        ("kserve://conn/models?mode=Serverless", "mode='Serverless'"),
        ("kserve://conn/models?replicas=3", "replicas='3'"),
        ("kserve://conn/models?store=/tmp/x", "nothing that a pod"),
        ("kserve://conn/models?store=s3://key:secret@bucket/x", "has a password in it"),
        ("kserve://conn/models?min_replicas=3&max_replicas=2", "max_replicas=2"),
        ("kserve://conn/models?mode=Knative&mode=Standard", "twice"),
    ],
)
def test_a_place_that_cannot_be_right(text: str, words: str) -> None:
    with pytest.raises(FateInputError) as caught:
        open_backend(text)
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_no_kserve(cluster: Cluster, models: Any, s3: RunningS3, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_fate.serving.kserve import backend as module

    monkeypatch.setattr(module, "KIND", "InferenceServer")  # one that no test has defined
    place = f"kserve://{CLUSTER}/{cluster.namespace()}?store=s3://x/y"
    with pytest.raises((FateKindNotServed, AirflowFailException), match="does not serve"):
        begin(task(place, FateServeOperator, model=models(1), version="1"))
