"""A real local server: clients see no gap and no wrong version, whatever is changed or killed."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_fate.errors import FateConfigError, FateConflictError, FateInputError
from airflow_provider_fate.serving import ChangeMark, ServedModel, ServicePhase, changes, open_backend
from airflow_provider_fate.serving.local import LocalBackend
from tests.support.serving import ROW, LocalServing, RestlessClient, ask, score_of, write_graph

pytestmark = pytest.mark.timeout(600)


def deployed(serving: LocalServing, name: str, version: str, share: int | None = None, **more: Any) -> None:
    model = serving.checked(name, serving.model(version))
    serving.change(name, lambda service: changes.deploy(service, model, share=share, **more))
    service = serving.settled(name)
    assert service.phase is ServicePhase.READY, service.reason


def get(url: str) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(url) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def post(url: str, body: object) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode())) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_a_client_that_never_rests_sees_no_error_and_no_wrong_version(serving: LocalServing) -> None:
    name = "restless"
    deployed(serving, name, "1")
    with RestlessClient(str(serving.get(name).url)) as client:
        client.wait_for(20)
        assert client.versions(0) == {"1"}

        deployed(serving, name, "2", share=20)
        began = time.monotonic()
        client.wait_for(100)
        assert client.versions(began) == {"1", "2"}

        serving.change(name, lambda service: changes.promote(service, "2"))
        serving.settled(name)
        promoted = time.monotonic()
        client.wait_for(30)
        assert client.versions(promoted) == {"2"}

        serving.change(name, changes.roll_back)
        serving.settled(name)
        back = time.monotonic()
        client.wait_for(30)
        assert client.versions(back) == {"1"}

        for version in ("3", "4", "5"):
            deployed(serving, name, version)
            switched = time.monotonic()
            client.wait_for(20)
            assert client.versions(switched) == {version}
    assert client.errors == []
    assert len(client.asked) >= 250


def test_the_canary_gets_its_share_to_the_request(serving: LocalServing) -> None:
    deployed(serving, "share", "1")
    for share in (10, 35, 0, 100):
        deployed(serving, "share", "2", share=share)
        url = str(serving.get("share").url)
        assert Counter(ask(url)["model_version"] for _ in range(100))["2"] == share
    service = serving.get("share")
    assert ask(str(service.live["stable"].url))["model_version"] == "1", "each version has a URL of its own"
    traffic = asyncio.run(serving.backend.traffic("share"))
    assert traffic is not None
    assert traffic["canary"].requests == 145
    assert traffic["canary"].errors == 0
    assert traffic["canary"].latencies["inf"] == 145


@pytest.mark.parametrize(
    "moment", [pytest.param("nothing changes", marks=pytest.mark.thorough), "a version is being loaded"]
)
def test_a_model_server_that_is_killed_costs_no_answer(serving: LocalServing, moment: str) -> None:
    name = f"killed-{len(moment)}"
    deployed(serving, name, "1")
    before = serving.pids("model_server")
    with RestlessClient(str(serving.get(name).url)) as client:
        client.wait_for(10)
        if moment == "nothing changes":
            serving.kill("model_server")
        else:
            model = serving.checked(name, serving.model("2"))
            serving.kill("model_server")
            serving.change(name, lambda service: changes.deploy(service, model))
        client.wait_for(10)
        service = serving.settled(name)
        settled = time.monotonic()
        client.wait_for(10)
    assert service.phase is ServicePhase.READY
    assert client.errors == []
    assert client.versions(settled) == {service.spec.stable.version}
    assert len(serving.pids("model_server")) == 1
    assert serving.pids("model_server") != before


@pytest.mark.parametrize("step", [pytest.param("before", marks=pytest.mark.thorough), "after"])
def test_a_router_that_is_killed_comes_back_with_the_right_version(serving: LocalServing, step: str) -> None:
    """At whichever step: what is live afterwards is what was asked for, once."""
    name = f"router-{step}"
    deployed(serving, name, "1")
    model = serving.checked(name, serving.model("2"))
    url = serving.get(name).url
    if step == "before":
        serving.kill("router")
    serving.change(name, lambda service: changes.deploy(service, model))
    if step == "after":
        serving.kill("router")
    service = serving.settled(name)
    assert (service.phase, service.url) == (ServicePhase.READY, url), "clients find it where it was"
    assert answer_within(str(url), 120)["model_version"] == "2"
    assert len(serving.pids("router")) == len(serving.pids("model_server")) == 1


def answer_within(url: str, seconds: float) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while True:
        try:
            return ask(url)
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < end
            time.sleep(0.1)


def test_a_service_that_is_stopped_takes_nothing_and_comes_back(tmp_path: Path) -> None:
    alone = LocalServing(tmp_path / "serving")
    try:
        deployed(alone, "only", "1")
        deployed(alone, "only", "2", share=50)
        alone.change("only", changes.stop)
        stopped = alone.settled("only")
        assert (stopped.phase, stopped.live) == (ServicePhase.STOPPED, {})
        status, told = post(str(stopped.url), {})
        assert (status, told["error"]) == (503, "Model only is stopped.")
        end = time.monotonic() + 60
        while alone.pids("model_server"):
            assert time.monotonic() < end
            time.sleep(0.1)
        alone.change("only", changes.resume)
        resumed = alone.settled("only")
        assert {track: one.version for track, one in resumed.live.items()} == {"stable": "1", "canary": "2"}
        assert asyncio.run(alone.backend.delete("only"))
        assert asyncio.run(alone.backend.get("only")) is None
        assert not asyncio.run(alone.backend.delete("only"))
        assert alone.pids("router") == [], "the last service takes the server with it"
    finally:
        alone.backend.server.stop()


def test_a_model_that_cannot_be_loaded_leaves_what_was_live(serving: LocalServing) -> None:
    deployed(serving, "damaged", "1")
    model = serving.checked("damaged", serving.model("7", weight=7.5))
    (serving.root / "models" / f"{model.sha256}.onnx").write_bytes(b"no graph")
    serving.change("damaged", lambda service: changes.deploy(service, model))
    service = serving.settled("damaged")
    assert service.phase is ServicePhase.FAILED
    assert "onnxruntime cannot load it" in service.reason
    assert {one.version for one in service.live.values()} == {"1"}
    assert ask(str(service.url))["model_version"] == "1"
    serving.change("damaged", changes.roll_back)
    assert serving.settled("damaged").phase is ServicePhase.READY


def test_the_protocol_is_spoken(serving: LocalServing) -> None:
    deployed(serving, "protocol", "1")
    base = str(serving.get("protocol").url).removesuffix("/infer")
    root = base.partition("/v2")[0]
    assert get(f"{root}/v2/health/ready") == (200, {"ready": True})
    assert "protocol" in get(f"{root}/v2/models")[1]["models"]
    assert get(f"{base}/ready")[0] == 200
    told = get(base)[1]
    assert [one["name"] for one in told["inputs"]] == ["a", "b"]
    assert (told["name"], told["versions"], told["outputs"][0]["name"]) == ("protocol", ["1"], "score")
    rows = {"inputs": [{"name": n, "shape": [3, 1], "datatype": "FP64", "data": [v] * 3} for n, v in ROW.items()]}
    status, told = post(f"{base}/infer", rows | {"id": "mine"})
    assert (status, told["id"], told["outputs"][0]["shape"]) == (200, "mine", [3, 1])
    assert told["outputs"][0]["data"] == pytest.approx([score_of(1)] * 3, abs=1e-6)


def tensor(name: str, shape: list[int], data: list[Any], datatype: str = "FP32") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


WRONG = [
    ({"inputs": [tensor("a", [1, 1], [1])]}, "inputs are missing: b"),
    ({"inputs": [tensor(name, [1, 1], [1]) for name in "abz"]}, "unknown inputs: z"),
    ({"inputs": [tensor(name, [1, 2], [1, 2]) for name in "ab"]}, "[1, 2]"),
    ({"inputs": [tensor("a", [1, 1], [1]), tensor("b", [2, 1], [1, 2])]}, "different numbers of rows"),
    ({"inputs": [tensor(name, [1, 1], ["x"], "BYTES") for name in "ab"]}, "no numbers"),
    ({"wrong": 1}, "inputs"),
]


@pytest.mark.parametrize(("body", "words"), WRONG)
def test_a_wrong_request_is_told_what_is_wrong_and_is_no_error_of_the_version(
    serving: LocalServing, body: object, words: str
) -> None:
    if asyncio.run(serving.backend.get("wrong-requests")) is None:
        deployed(serving, "wrong-requests", "1")
    status, told = post(str(serving.get("wrong-requests").url), body)
    assert 400 <= status < 500, told
    assert words in json.dumps(told)
    traffic = asyncio.run(serving.backend.traffic("wrong-requests"))
    assert traffic is not None
    assert traffic["stable"].errors == 0


def test_what_is_not_served_is_not_found(serving: LocalServing) -> None:
    deployed(serving, "found", "1")
    base = str(serving.get("found").url).removesuffix("/infer")
    assert post(f"{base}-not/infer", {})[0] == 404
    status, told = post(f"{base}/versions/9/infer", {})
    assert (status, told["error"]) == (404, "Model found has no live version 9, only 1.")
    assert get(f"{base}/infer")[0] == 405


def test_of_two_changes_at_once_one_is_told(serving: LocalServing) -> None:
    deployed(serving, "race", "1")
    service = serving.get("race")
    model = serving.checked("race", serving.model("2"))
    outcomes: list[object] = []

    def write(key: str) -> None:
        try:
            spec = changes.deploy(service, model, share=5)
            mark = ChangeMark(key=key, epoch=0)
            outcomes.append(asyncio.run(serving.backend.apply("race", spec, expected=service.generation, mark=mark)))
        except FateConflictError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=write, args=(str(number),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one for one in outcomes if not isinstance(one, FateConflictError)] == [service.generation + 1]
    assert len(outcomes) == 6


def test_a_wrong_model_is_named_before_anything_is_changed(serving: LocalServing, tmp_path: Path) -> None:
    def refused(**fields: Any) -> str:
        with pytest.raises(FateInputError) as caught:
            asyncio.run(serving.backend.check("bad", ServedModel(**{"version": "1", **fields})))
        return str(caught.value)

    graph = write_graph(tmp_path / "good.onnx", 1)
    (tmp_path / "text.onnx").write_text("hello")
    assert "is not there" in refused(uri=str(tmp_path / "none.onnx"))
    assert "onnxruntime cannot load it" in refused(uri=str(tmp_path / "text.onnx"))
    assert "has the sha256" in refused(uri=str(graph), sha256="0" * 64)
    assert "the local server serves ONNX" in refused(uri=str(graph), format="sklearn")
    assert "not what its conversion has told" in refused(uri=str(graph), inputs=("a", "z"))
    assert asyncio.run(serving.backend.get("bad")) is None
    assert not list((serving.root / "models").glob(".*")), "nothing is left"


def test_a_port_that_is_taken_is_named_before_anything_is_started(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        backend = open_backend(f"local://{tmp_path}/serving?port={port}")
        model = ServedModel(version="1", uri=str(write_graph(tmp_path / "1.onnx", 1)))
        with pytest.raises(FateConfigError, match=f"port={port} of the local server is taken"):
            asyncio.run(backend.check("credit", model))
        assert LocalServing(tmp_path / "serving").pids("router") == []


@pytest.mark.parametrize("place", ["", "remote", "local:", "local://relative", "local:///x?port=0", "local:///x?a=1"])
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(FateInputError, match="backend"):
        open_backend(place)


def test_the_folder_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FATE_SERVING_HOME", str(tmp_path / "here"))
    backend = open_backend("local")
    assert isinstance(backend, LocalBackend)
    assert asyncio.run(backend.get("nothing")) is None
    assert asyncio.run(backend.traffic("nothing")) is None
    assert not (tmp_path / "here").exists(), "a look makes nothing"
