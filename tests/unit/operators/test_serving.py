"""Operators of services, against a real local server."""

from __future__ import annotations

import asyncio
import hashlib
import math
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.errors import FateConflictError, FateServiceFailed
from airflow_provider_fate.links.service import ENDPOINT, FateEndpointLink
from airflow_provider_fate.models.card import CardConversion, CardModel, CardTraining, ModelCard
from airflow_provider_fate.models.registry import ModelRegistry, RegisteredModel
from airflow_provider_fate.operators.service_check import FateServiceCheckOperator
from airflow_provider_fate.operators.serving import (
    FateServeOperator,
    FateServiceDeleteOperator,
    FateServicePromoteOperator,
    FateServiceRollbackOperator,
    FateServiceStartOperator,
    FateServiceStopOperator,
)
from airflow_provider_fate.remote.work import Kill
from airflow_provider_fate.serving import changes
from tests.support.serving import LocalServing, RestlessClient, ask, score_of, write_graph
from tests.support.task import FakeTaskInstance, Task

pytestmark = pytest.mark.timeout(600)
PATIENCE = 300
IDS = {"job_id": "202611270000000000001", "model_id": "m", "model_version": "0", "role": "guest", "party_id": "9999"}


def task(serving: LocalServing, kind: type[Any], task_id: str = "task", **arguments: Any) -> Task:
    def make() -> Any:
        return kind(task_id=task_id, backend=serving.place, **arguments)

    return Task(make, FakeTaskInstance(task_id=task_id))


def run(serving: LocalServing, kind: type[Any], **arguments: Any) -> Any:
    return task(serving, kind, kind.__name__, **arguments).run(PATIENCE)


def refused(serving: LocalServing, kind: type[Any], **arguments: Any) -> str:
    with pytest.raises(AirflowFailException) as caught:
        run(serving, kind, **arguments)
    return str(caught.value)


def converted(folder: Path, weight: float) -> dict[str, Any]:
    """What a conversion gives back, with its folder."""
    onnx = write_graph(folder / "model.onnx", weight)
    sha256, package = hashlib.sha256(onnx.read_bytes()).hexdigest(), f"{int(weight * 10):064x}"
    training = CardTraining(started=None, ended=None, initiator=None, fate_version=None, schema_version=None)
    card = ModelCard(
        model=CardModel(**IDS, package_sha256=package, content_sha256=package, size=1),
        parties=(), tables=(), tasks=(), metrics={}, training=training, not_seen=(),
        conversion=CardConversion(sha256=sha256, packages={"guest 9999": package}, inputs=("a", "b"), width=1),
    )  # fmt: skip
    (folder / "card.json").write_text(card.to_json())
    made = {"onnx": str(onnx), "onnx_sha256": sha256, "inputs": ["a", "b"], "width": 1, "target": str(folder)}
    return IDS | made | {"package": f"{folder}/model.zip", "sha256": package, "card": f"{folder}/card.json"}


@pytest.fixture
def rows(tmp_path: Path) -> dict[str, str]:
    """Raw rows, and the scores that FATE would have given with the weights 1 and 2."""
    people = [(f"p{number}", number / 40 - 1, 0.3 - number / 80) for number in range(80)]
    raw = "\n".join(["id,a,b", *(f"{who},{a!r},{b!r}" for who, a, b in people)])
    (tmp_path / "rows.csv").write_text(raw + "\n")
    found = {"rows": str(tmp_path / "rows.csv")}
    for weight in (1, 2):
        given = [f"{who},{score_of(weight, {'a': a, 'b': b})!r}" for who, a, b in people]
        (tmp_path / f"scores{weight}.csv").write_text("\n".join(["id,predict_score", *given]) + "\n")
        found[str(weight)] = str(tmp_path / f"scores{weight}.csv")
    return found


@pytest.fixture
def registry(tmp_path: Path) -> dict[str, Any]:
    """A registry whose versions 1 and 2 have these weights; the champion is version 1."""
    place = str(tmp_path / "registry")
    opened = ModelRegistry(place)
    for number in (1, 2):
        opened.register("credit", RegisteredModel.model_validate(converted(tmp_path / str(number), number)))
    opened.move("credit", "champion", 1)
    return {"registry": place, "name": "credit"}


def test_from_the_registry_to_an_endpoint_and_back(
    serving: LocalServing, registry: dict[str, Any], rows: dict[str, str]
) -> None:
    name = "whole"
    first = run(serving, FateServeOperator, service=name, model=registry | {"alias": "champion"})
    assert (first["version"], first["canary"], first["generation"]) == ("1", None, 1)
    assert first["model"]["labels"]["registry"] == registry["registry"]
    with RestlessClient(first["url"]) as client:
        client.wait_for(5)
        serve = task(serving, FateServeOperator, service=name, model=registry | {"version": 2}, canary=10)
        tried = serve.run(PATIENCE)
        assert (tried["version"], tried["canary"], tried["share"], tried["model"]["version"]) == ("1", "2", 10, "2")
        link = FateEndpointLink()
        assert serve.ti.xcoms[ENDPOINT] == serve.ti.xcoms[link.xcom_key] == tried["url"].removesuffix("/infer")

        found = run(serving, FateServiceCheckOperator, service=name, version=tried, rows=rows["rows"], scores=rows["2"])
        assert (found["version"], found["rows"]) == ("2", 80)
        assert found["largest_difference"] <= 1e-5
        promoted = run(serving, FateServicePromoteOperator, service=name, version=tried)
        assert (promoted["version"], promoted["previous"]) == ("2", "1")
        again = run(serving, FateServicePromoteOperator, service=name, version=tried)
        assert again["generation"] == promoted["generation"], "what is done is not done again"
        back = run(serving, FateServiceRollbackOperator, service=name)
        assert (back["version"], back["previous"]) == ("1", None)
    assert client.errors == []
    assert run(serving, FateServiceStopOperator, service=name)["live"] == {}
    assert ask(run(serving, FateServiceStartOperator, service=name)["url"])["model_version"] == "1"
    assert run(serving, FateServiceDeleteOperator, service=name)["deleted"] is True
    assert run(serving, FateServiceDeleteOperator, service=name)["deleted"] is False


def test_an_unfit_canary_is_rolled_back_and_no_client_notices(
    serving: LocalServing, registry: dict[str, Any], rows: dict[str, str]
) -> None:
    """Its scores are those of another model: FATE's, of version 1, are expected."""
    name = "unfit"
    url = run(serving, FateServeOperator, service=name, model=registry | {"version": 1})["url"]
    with RestlessClient(url) as client:
        tried = run(serving, FateServeOperator, service=name, model=registry | {"version": 2}, canary=20)
        client.wait_for(20)
        arguments = {"service": name, "version": tried, "rows": rows["rows"], "scores": rows["1"]}
        said = refused(serving, FateServiceCheckOperator, on_failure="roll_back", **arguments)
        assert "more than 1e-05 apart" in said
        assert "It was rolled back: version 1 answers all requests." in said
        began = client.asked[-1].began
        client.wait_for(20)
    assert client.errors == []
    assert {one.version for one in client.asked if one.began > began + 1} <= {"1"}
    assert serving.get(name).spec.canary is None


def test_a_window_of_traffic_is_the_gate(serving: LocalServing, registry: dict[str, Any]) -> None:
    name = "window"
    url = run(serving, FateServeOperator, service=name, model=registry | {"version": 1})["url"]
    watch = {"service": name, "window": timedelta(seconds=3), "poll_interval": 0.2}
    with RestlessClient(url):
        run(serving, FateServeOperator, service=name, model=registry | {"version": 2}, canary=50)
        found = run(serving, FateServiceCheckOperator, min_requests=5, **watch)
        assert (found["version"], found["errors"]) == ("2", 0)
        assert found["requests"] >= 5
        slow = refused(serving, FateServiceCheckOperator, max_latency=timedelta(microseconds=1), **watch)
        assert "more than 0.001 ms" in slow
        assert "It stays as it is" in slow
    said = refused(serving, FateServiceCheckOperator, on_failure="roll_back", **watch)
    assert "clients have sent 0 requests, fewer than 1" in said
    assert "It was rolled back" in said


@pytest.mark.parametrize("moment", ["before the spec", "after the spec"])
def test_a_worker_that_is_killed_leaves_one_service_in_the_right_version(
    serving: LocalServing, registry: dict[str, Any], moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"worker-{moment.partition(' ')[0]}"
    run(serving, FateServeOperator, service=name, model=registry | {"version": 1})
    serve = task(serving, FateServeOperator, service=name, model=registry | {"version": 2})
    from airflow_provider_fate.serving.local import LocalBackend

    real = LocalBackend.apply

    async def dies(self: Any, *arguments: Any, **more: Any) -> int:
        if moment == "after the spec":
            await real(self, *arguments, **more)
        raise KeyboardInterrupt  # as SIGKILL: no code of the task runs any more

    with monkeypatch.context() as patch:
        patch.setattr(LocalBackend, "apply", dies)
        with pytest.raises(KeyboardInterrupt):
            serve.start()
    serve.retry()
    assert serve.run(PATIENCE)["version"] == "2"
    assert serving.get(name).generation == 2, "asked for once"


def test_a_kill_leaves_a_live_service_alone(serving: LocalServing, registry: dict[str, Any]) -> None:
    run(serving, FateServeOperator, service="alive", model=registry | {"version": 1})
    serve = task(serving, FateServeOperator, service="alive", model=registry | {"version": 2})
    trigger = serve.start()
    kind, ref = trigger.work()
    assert kind.kill(ref) is Kill.LEAVES
    asyncio.run(trigger.on_kill())
    assert serving.settled("alive").live["stable"].version == "2"


def test_a_clear_and_a_second_task_change_nothing(serving: LocalServing, registry: dict[str, Any]) -> None:
    serve = task(serving, FateServeOperator, service="again", model=registry | {"alias": "champion"})
    assert serve.run(PATIENCE)["generation"] == 1
    serve.clear()
    assert serve.run(PATIENCE)["generation"] == 1
    assert run(serving, FateServeOperator, service="again", model=registry | {"version": 1})["generation"] == 1


def test_a_version_that_does_not_come_up_fails_and_the_old_one_goes_on(
    serving: LocalServing, registry: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = run(serving, FateServeOperator, service="broken", model=registry | {"version": 1})["url"]
    serve = task(serving, FateServeOperator, service="broken", model=registry | {"version": 2})
    checked = serving.checked("broken", serving.model("9", weight=9.5))
    monkeypatch.setattr("airflow_provider_fate.serving.local.backend.LocalBackend._check", lambda *_: checked)
    (serving.root / "models" / f"{checked.sha256}.onnx").write_bytes(b"damaged meanwhile")
    with pytest.raises(FateServiceFailed, match="onnxruntime cannot load it") as caught:
        serve.run(PATIENCE)
    assert "What answers now: version 1 (100 %)" in str(caught.value)
    assert ask(url)["model_version"] == "1"


def test_who_was_overtaken_or_deleted_is_told(serving: LocalServing, registry: dict[str, Any]) -> None:
    run(serving, FateServeOperator, service="taken", model=registry | {"version": 1})
    serve = task(serving, FateServeOperator, service="taken", model=registry | {"version": 2})
    trigger = serve.start()
    serving.change("taken", changes.stop)
    with pytest.raises(FateConflictError, match="somebody has changed it since"):
        serve.resume(asyncio.run(trigger.wait()))
    serve = task(serving, FateServeOperator, service="taken", model=registry | {"version": 1})
    trigger = serve.start()
    asyncio.run(serving.backend.delete("taken"))
    with pytest.raises(FateServiceFailed, match="it was deleted by somebody"):
        serve.resume(asyncio.run(trigger.wait()))


def test_wrong_input_is_named_before_anything_is_changed(
    serving: LocalServing, registry: dict[str, Any], tmp_path: Path, rows: dict[str, str]
) -> None:
    no_graph = converted(tmp_path / "3", 3) | {"onnx": None}
    other = serving.model("other", 1, inputs=("x", "y")).uri
    name = "wrong"
    run(serving, FateServeOperator, service=name, model=registry | {"version": 1})
    serve = {"service": name, "kind": FateServeOperator}
    cases: list[tuple[dict[str, Any], str]] = [
        (serve | {"model": registry | {"alias": "nobody"}}, "No version of 'credit' is 'nobody'"),
        (serve | {"model": registry | {"version": 9}}, "no version 9"),
        (serve | {"model": no_graph}, "has no ONNX: FATE's own package cannot be served"),
        (serve | {"model": str(tmp_path / "nothing")}, "there is no card.json"),
        (serve | {"model": str(tmp_path / "none.onnx"), "version": "4"}, "is not there"),
        (serve | {"model": None}, "names no model"),
        (serve | {"model": other}, "does not fit the clients"),
        (serve | {"model": registry | {"version": 2}, "canary": "ten"}, "is not a share"),
        (serve | {"model": registry | {"version": 1}, "service": "Not_A_Name"}, "is not a name of a service"),
        ({"kind": FateServicePromoteOperator, "service": name}, "has no canary to promote"),
        ({"kind": FateServicePromoteOperator, "service": "none"}, "There is no service 'none'"),
        ({"kind": FateServiceRollbackOperator, "service": name}, "has no version before 1"),
        ({"kind": FateServiceStopOperator, "service": "none"}, "There is no service 'none'"),
        ({"kind": FateServiceCheckOperator, "service": name}, "Nothing is to be checked"),
        ({"kind": FateServiceCheckOperator, "service": name, "rows": rows["rows"]}, "belong together"),
        (
            {"kind": FateServiceCheckOperator, "service": name, "version": "7", "window": timedelta(1)},
            "is not live; live: 1",
        ),
        (
            {"kind": FateServiceCheckOperator, "service": name, "window": timedelta(1), "max_error_share": 5},
            "is not a share",
        ),
    ]
    for arguments, words in cases:
        assert words in refused(serving, **arguments), arguments
    assert serving.get(name).generation == 1


def test_a_folder_and_a_conversion_can_be_served(serving: LocalServing, tmp_path: Path) -> None:
    made = converted(tmp_path / "m", 4)
    first = run(serving, FateServeOperator, service="folder", model=made["target"])
    assert first["version"] == made["onnx_sha256"][:12]
    again = run(serving, FateServeOperator, service="folder", model=made)
    assert again["generation"] == first["generation"], "it is the same model"
    assert ask(first["url"])["outputs"][0]["data"][0] == pytest.approx(1 / (1 + math.exp(-6)), abs=1e-6)


def test_two_tasks_that_deploy_at_once_end_with_one_of_both(serving: LocalServing, registry: dict[str, Any]) -> None:
    run(serving, FateServeOperator, service="both", model=registry | {"version": 1})
    ends: list[Any] = []

    def deploy(number: int) -> None:
        model = registry | {"version": number}
        try:
            ends.append(
                task(serving, FateServeOperator, f"t{number}", service="both", model=model, canary=None).run(PATIENCE)
            )
        except Exception as error:
            ends.append(error)

    threads = [threading.Thread(target=deploy, args=(number,)) for number in (2, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    service = serving.settled("both")
    assert {one.version for one in service.live.values()} == {service.spec.stable.version}
    assert all(isinstance(one, dict | FateConflictError) for one in ends), ends
