"""The guest's service speaks the Open Inference Protocol (v2), so that any client can ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from airflow_provider_fate import errors as e
from airflow_provider_fate.clients.split import SplitScoreClient, split_settings
from airflow_provider_fate.serving.split.document import SplitPart
from airflow_provider_fate.serving.split.guest_app import guest_app
from airflow_provider_fate.serving.split.join import SplitScorer
from tests.support.asgi import served
from tests.unit.models.test_convert import GUEST, HOST, dot, rows, sigmoid
from tests.unit.serving.split.samples import (
    IDS,
    LISTENER,
    SECRET,
    features_of,
    host_of,
    linear_packages,
    parts_of,
    peer_of,
    running_host,
)

MODEL = "/v2/models/credit"


@contextmanager
def running(folder: Path, host: SplitPart, guest: SplitPart, **there: Any) -> Iterator[int]:
    """Both services; the port of the guest's."""
    with running_host(host_of(host, folder, **there)) as port:
        scorer = SplitScorer(guest, features_of(guest, folder), {"10000": peer_of(guest, port)})
        with served(guest_app("credit", scorer, LISTENER)) as own:
            yield own


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    guest, host = parts_of(linear_packages(tmp_path))
    with running(tmp_path, host, guest) as port:
        yield port


def client(port: int, secret: str | None = SECRET) -> httpx.Client:
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers)


def tensor(name: str, data: list[Any], datatype: str = "FP64", **more: Any) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": data, **more}


def test_what_v2_has(port: int) -> None:
    with client(port) as v2:
        assert v2.get("/v2/health/live").json() == {"live": True}
        assert v2.get("/v2/health/ready").json() == {"ready": True}
        assert v2.get("/v2").json()["name"] == "fate-split-scoring"
        about = v2.get(MODEL).json()
        assert (about["name"], about["versions"], about["platform"]) == ("credit", ["1"], "fate-split")
        assert [one["name"] for one in about["inputs"]] == ["id", "a", "b"], "hosts' columns are no inputs"
        assert about["outputs"] == [{"name": "score", "datatype": "FP64", "shape": [-1, 1]}]
        assert v2.get(f"{MODEL}/ready").json() == {"name": "credit", "ready": True}
        assert v2.get(f"{MODEL}/versions/1/ready").status_code == 200


def test_rows_are_scored(port: int) -> None:
    ids = tensor("id", IDS[:3], "BYTES")
    own = [tensor("a", [0.0, 1.0, 2.0], "FP32"), tensor("b", [1, 2, 3], "INT64")]
    with client(port) as v2:
        answer = v2.post(f"{MODEL}/infer", json={"id": "q7", "inputs": [ids], "outputs": [{"name": "score"}]}).json()
        nested = {"name": "id", "shape": [3, 1], "datatype": "BYTES", "data": [[who] for who in IDS[:3]]}
        same = v2.post(f"{MODEL}/versions/1/infer", json={"inputs": [nested], "parameters": {}}).json()
        fresh = v2.post(f"{MODEL}/infer", json={"inputs": [ids, *own]}).json()
    (output,) = answer.pop("outputs")
    assert answer == {"model_name": "credit", "model_version": "1", "id": "q7"}
    assert (output["name"], output["shape"], output["datatype"]) == ("score", [3, 1], "FP64")
    assert output["data"] == pytest.approx([sigmoid(dot(GUEST | HOST, row, 0.5)) for row in rows()[:3]], abs=1e-5)
    assert same["outputs"] == [output]
    given = [row | {"a": float(n), "b": float(n + 1)} for n, row in enumerate(rows()[:3])]
    assert fresh["outputs"][0]["data"] == pytest.approx(
        [sigmoid(dot(GUEST | HOST, row, 0.5)) for row in given], abs=1e-5
    )


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ([tensor("a", [1.0])], "There is no input 'id'"),
        ([tensor("id", [1], "BYTES")], "texts of 1 to 200 characters"),
        ([tensor("id", ["p000"], "FP32")], "Ids are BYTES"),
        ([tensor("id", [""], "BYTES")], "texts of 1 to 200 characters"),
        ([tensor("id", [], "BYTES")], "There are no ids"),
        ([tensor("id", ["p000"], "BYTES"), tensor("a", [1.0, 2.0])], "has shape"),
        ([tensor("id", ["p000"], "BYTES"), tensor("a", ["x"])], "is no column of numbers"),
        ([tensor("id", ["p000"], "BYTES"), tensor("c", [1.0])], "no column c"),
        ([tensor("id", ["p000"], "BYTES"), tensor("a", [None])], "A value of the guest's columns is missing"),
        ([tensor("id", ["p000"], "BYTES")] * 2, "twice"),
    ],
)
def test_requests_that_cannot_be(port: int, inputs: Any, says: str) -> None:
    with client(port) as v2:
        reply = v2.post(f"{MODEL}/infer", json={"inputs": inputs})
    assert (reply.status_code, reply.json()["code"]) == (400, "bad_question")
    assert says in reply.json()["error"]


def test_other_refusals(port: int) -> None:
    with client(port) as v2:
        assert v2.get("/v2/models/other").status_code == 404
        assert v2.get(f"{MODEL}/versions/2").json()["code"] == "no_such_model"
        assert v2.post(f"{MODEL}/infer", content=b"[").status_code == 400
        binary = v2.post(f"{MODEL}/infer", content=b"{}", headers={"inference-header-content-length": "2"})
        assert "Binary tensors" in binary.json()["error"]
        lost = v2.post(f"{MODEL}/infer", json={"inputs": [tensor("id", ["p000", "nobody"], "BYTES")]})
        assert (lost.status_code, lost.json()["code"], lost.json()["positions"]) == (404, "unknown_row", [1])
        assert "nobody" not in lost.text
    for secret in (None, "wrong"):
        with client(port, secret) as v2:
            for path in (MODEL, f"{MODEL}/ready"):
                assert v2.get(path).status_code == 401
            assert v2.post(f"{MODEL}/infer", json={}).json()["code"] == "unauthorized"
            assert v2.get("/v2/health/live").status_code == 200


def test_our_client_names_what_goes_wrong(tmp_path: Path, port: int) -> None:
    def settings(secret: str = SECRET) -> Any:
        return split_settings("127.0.0.1", port, secret=secret, tls=False)

    with SplitScoreClient(settings()) as guest:
        assert guest.ask.server() == "fate-split-scoring"
        assert guest.ask.ready("credit") is None
        job_id, scores = guest.ask.scores("credit", IDS[:2])
        assert (job_id, len(scores), len(scores[0])) == ("1", 2, 1)
        with pytest.raises(e.FateModelNotFound, match="no model 'other'"):
            guest.ask.scores("other", IDS[:2])
        with pytest.raises(e.FateRowNotFound, match="has no row for 1 of 2 ids") as caught:
            guest.ask.scores("credit", [IDS[0], "nobody"])
        assert caught.value.positions == [1]
    with SplitScoreClient(settings("wrong")) as guest, pytest.raises(e.FateAuthError):
        guest.ask.ready("credit")


def test_a_host_that_is_down_or_refuses_is_no_fault_of_the_client(tmp_path: Path) -> None:
    guest, host = parts_of(linear_packages(tmp_path))
    with running_host(host_of(host, tmp_path)) as there:
        gone = there
    cases: list[tuple[Any, int, str]] = [
        (peer_of(guest, gone), 503, "party_down"),
    ]
    other = host.model_copy(update={"model": host.model.model_copy(update={"job_id": "2"})})
    with running_host(host_of(other, tmp_path)) as port_of_other, running_host(host_of(host, tmp_path)) as port:
        cases += [
            (peer_of(guest, port_of_other), 502, "other_model"),
            (peer_of(guest, port, secret="a-wrong-secret"), 502, "unauthorized"),
        ]
        for peer, status, code in cases:
            scorer = SplitScorer(guest, features_of(guest, tmp_path), {"10000": peer})
            with served(guest_app("credit", scorer, LISTENER)) as own, client(own) as v2:
                for reply in (
                    v2.post(f"{MODEL}/infer", json={"inputs": [tensor("id", IDS[:1], "BYTES")]}),
                    v2.get(f"{MODEL}/ready"),
                ):
                    found = reply.json()
                    assert (reply.status_code, found["code"], found["party"]) == (status, code, "host 10000")
                    assert found["error"].startswith("host 10000")
                assert v2.get("/v2/health/ready").status_code == 200
                way = split_settings("127.0.0.1", own, secret=SECRET, tls=False)
                with SplitScoreClient(way) as ours, pytest.raises(e.FateError) as caught:
                    ours.ask.scores("credit", IDS[:1])
                assert caught.value.party == "host 10000"
