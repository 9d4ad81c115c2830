"""What a chat server is asked, what counts as an answer, and what is refused before anything starts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_fate.errors import FateConnectionError, FateInputError, FateServerError
from airflow_provider_fate.llm.chat import ChatSpec, LocalChat
from airflow_provider_fate.llm.openai import ChatClient
from airflow_provider_fate.operators.chat import FateChatCheckOperator, FateChatServeOperator, FateChatStopOperator
from airflow_provider_fate.operators.text_evaluate import FateTextEvaluateOperator
from tests.support.json_server import FAILS, Answer, JsonServer
from tests.support.task import Task
from tests.unit.llm.adapters import base, packed
from tests.unit.llm.test_adapter import made
from tests.unit.operators.test_model_convert import exported

KEY = "the-key-of-this-server"


class OpenAi(JsonServer):
    """A server of somebody else that speaks OpenAI's protocol, as vLLM does; the local one is asked for real elsewhere.

    :ivar answers: by prompt.
    """

    def __init__(self) -> None:
        super().__init__()
        self.token = KEY
        self.answers: dict[str, Any] = {}
        self.bodies: list[dict[str, Any]] = []

    def failed(self, words: str) -> Answer:
        return 500, {"error": {"message": words}}

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        if path == "/v1/models":
            return 200, {"object": "list", "data": [{"id": "answers", "object": "model"}]}
        asked = json.loads(body)
        self.bodies.append(asked)
        text = self.answers.get(asked["messages"][0]["content"], "")
        return 200, {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "usage": None}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAi]:
    monkeypatch.setenv("AIRFLOW_CONN_CHAT", json.dumps({"conn_type": "generic", "password": KEY}))
    monkeypatch.setenv("AIRFLOW_CONN_EMPTY", json.dumps({"conn_type": "generic"}))
    with OpenAi() as served:
        yield served


def run(kind: type[Any], **arguments: Any) -> Any:
    return Task(partial(kind, task_id="task", **arguments)).run()


def check(server: OpenAi, **arguments: Any) -> Any:
    given = {"url": f"http://127.0.0.1:{server.port}/v1", "api_key_conn_id": "chat", **arguments}
    return run(FateChatCheckOperator, **given)


def samples(folder: Path, count: int) -> str:
    file = folder / "answers.jsonl"
    rows = [{"content": f"q{n}", "summary": "x", "answer": f"a {n}", "answer_base": "?"} for n in range(count)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


def test_answers_are_compared_with_those_of_the_evaluation(server: OpenAi, tmp_path: Path) -> None:
    server.answers = {f"q{n}": f"a  {n}\n" for n in range(10)} | {"hello": "good day"}
    found = check(server, samples={"samples": samples(tmp_path, 10)}, prompts=["hello"], max_tokens=7)
    assert (found["agreement"], found["asked"], found["answers"], found["model"]) == (1.0, 11, ["good day"], "answers")
    assert all(body["temperature"] == 0 and body["max_tokens"] == 7 for body in server.bodies)

    server.answers["q0"] = server.answers["q1"] = "something else"
    with pytest.raises(AirflowFailException, match="8 of 10 samples"):
        check(server, samples=samples(tmp_path, 10))
    assert check(server, samples=samples(tmp_path, 10), min_agreement=0.8)["agreement"] == 0.8
    with pytest.raises(AirflowFailException, match="ms for an answer"):
        check(server, prompts=["hello"], max_latency=1e-9)


def test_no_answer_is_none(server: OpenAi) -> None:
    with pytest.raises(AirflowFailException, match="answers 'hello' with nothing"):
        check(server, prompts=["hello"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Nothing is to be asked"),
        ({"prompts": [" "]}, "are not texts"),
        ({"prompts": ["x"], "model": "other"}, "no model 'other'; it has answers"),
        ({"prompts": ["x"], "service": "answers"}, "service or url"),
        ({"prompts": ["x"], "url": "ftp://somewhere"}, "no address of a chat server"),
        ({"prompts": ["x"], "url": "http://me:secret@127.0.0.1/v1"}, "without credentials"),
        ({"prompts": ["x"], "api_key_conn_id": None}, "does not take the key"),
        ({"prompts": ["x"], "api_key_conn_id": "empty"}, "a connection without a password"),
        ({"prompts": ["x"], "min_agreement": 2}, "min_agreement=2"),
        ({"prompts": ["x"], "max_tokens": 0}, "max_tokens=0"),
        ({"samples": {"samples": None}}, "names no file"),
        ({"samples": "/nowhere.jsonl"}, "is not there"),
    ],
)
def test_what_cannot_be_asked_is_named(server: OpenAi, given: dict[str, Any], said: str) -> None:
    with pytest.raises(AirflowFailException, match=f"(?s){said}") as caught:
        check(server, **given)
    assert KEY not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_of_something_else_is_no_evaluation(server: OpenAi, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"content": "q"}\n')
    with pytest.raises(AirflowFailException, match="no answers of an evaluation"):
        check(server, samples=str(tmp_path / "x.jsonl"))


def test_what_may_pass_is_tried_again(server: OpenAi) -> None:
    server.faults = {1: FAILS}
    with pytest.raises(FateServerError, match="HTTP 500"):
        check(server, prompts=["x"])
    with pytest.raises(FateConnectionError, match="does not answer"):
        check(server, prompts=["x"], url="http://127.0.0.1:1/v1")


def test_other_protocols_are_told(server: OpenAi) -> None:
    for answer in ((200, {"data": 5}), (200, b"<html>")):
        server.faults = {len(server.asked) + 1: answer}
        with pytest.raises(FateServerError, match="does not answer as OpenAI"):
            check(server, prompts=["x"])
    with ChatClient(f"http://127.0.0.1:{server.port}/v1", KEY) as client:
        server.faults = {len(server.asked) + 1: (400, {"error": {"message": "too long"}})}
        with pytest.raises(FateInputError, match="HTTP 400: too long"):
            client.chat("answers", "x")


@pytest.mark.parametrize("name", ["", "Answers", "../x", "a" * 53, "a-", None])
def test_names_of_servers_cannot_leave_their_folder(name: Any) -> None:
    with pytest.raises(AirflowFailException, match="is no name for a chat server"):
        run(FateChatStopOperator, name=name)


def test_settings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    for given, said in (
        ({"base_name": "a b"}, "'a b' is no name"),
        ({"adapters": {"base": tmp_path}}, "the name of an adapter, too"),
        ({"max_new_tokens": 0}, "max_new_tokens=0"),
        ({"waiting": 0}, "waiting=0"),
    ):
        with pytest.raises(FateInputError, match=said):
            ChatSpec(tmp_path, **given)  # type: ignore[arg-type]
    with pytest.raises(FateInputError, match="too short"):
        LocalChat("answers").start(ChatSpec(tmp_path), key="short")


def test_what_cannot_be_served_or_judged_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FATE_LOCAL_SERVICES", str(tmp_path / "services"))
    monkeypatch.setenv("FATE_LOCAL_CACHE", str(tmp_path / "cache"))
    folder = base(tmp_path / "gpt2")
    adapter = made(exported(packed(tmp_path), tmp_path / "north"), base_folder=str(folder))
    texts = tmp_path / "texts.jsonl"
    texts.write_text('{"content": "a", "summary": "b"}\n')
    other = base(tmp_path / "other")
    (other / "tokenizer.json").write_text("{}")

    def refused(kind: type[Any], said: str, **arguments: Any) -> None:
        with pytest.raises(AirflowFailException, match=f"(?s){said}"):
            run(kind, **arguments)

    def serve(said: str, **arguments: Any) -> None:
        refused(FateChatServeOperator, said, **{"name": "answers", "adapter": adapter, **arguments})

    def judge(said: str, **arguments: Any) -> None:
        refused(FateTextEvaluateOperator, said, **{"adapter": adapter, "texts": str(texts), **arguments})

    for either in (serve, judge):
        either("tokenizer in .* not those that the adapter was made for", base_model=str(other))
        either("base_model='/nowhere' is not a folder", base_model="/nowhere")
        either("there is no adapter_model.safetensors", adapter=str(tmp_path / "nowhere"), base_model=str(folder))
        either("does not say where its base model is", adapter={"adapter": adapter["adapter"]})
        either("has sha256 .*, and not 0000", adapter=adapter | {"adapter_sha256": "0" * 64})
    serve("does not go with several adapters", adapter={"a": adapter}, model="x")
    judge("texts=None names no rows", texts=None)
    judge("texts='/nowhere.jsonl' is not there", texts="/nowhere.jsonl")
    judge("texts has a password", texts="s3://me:word@bucket/rows.jsonl")
    judge("max_rows=0", max_rows=0)
    judge("dtype='int4' is unknown", dtype="int4")
    assert not (tmp_path / "services").exists()
    assert not (tmp_path / "cache").exists()
