"""The client of the guest's service, which speaks the Open Inference Protocol (v2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel, Field

from airflow_provider_fate import errors as e
from airflow_provider_fate.clients.http import (
    Api,
    Envelope,
    Group,
    Once,
    Reply,
    Request,
    SyncClient,
    SyncTransport,
    Transport,
    endpoint,
    get,
    post,
)
from airflow_provider_fate.clients.split.envelope import refused
from airflow_provider_fate.clients.split.messages import SplitProblem

__all__ = ["SplitScoreClient"]


class _Output(BaseModel):
    name: str
    shape: list[int] = Field(min_length=2, max_length=2)
    data: list[float]


class _Scores(BaseModel):
    model_version: str
    outputs: list[_Output] = Field(min_length=1)


class SplitScoreEnvelope(Envelope):
    """The guest's service of split scoring."""

    service: ClassVar[str] = "the guest's service"
    version: ClassVar[str] = "v2"

    def open(self, request: Request[Any], response: httpx.Response, content: Any) -> Reply | None:
        """Take the content, or raise the error that it names.

        :raises FateError: the guest, or a host behind it, refuses or is down.
        """
        if not isinstance(content, dict):
            return None
        if response.status_code == httpx.codes.OK:
            return Reply(data=content)
        if not isinstance(message := content.get("error"), str):
            return None
        about = {**self.about(request), "party": content.get("party")}
        match content.get("code"):
            case "party_down":
                raise e.FatePartDown(message, hint="Ask the people of that party whether their service runs.", **about)
            case "no_such_model":
                raise e.FateModelNotFound(message, hint="Ask for the model by the name of the service.", **about)
            case code if code in list(SplitProblem):
                raise refused(SplitProblem(code), message, content.get("positions"), about)
        return None


class ScoreQuestions(Group[Transport]):
    """What clients ask."""

    @endpoint
    def server(self) -> Request[str]:
        """Return the name of the server."""
        return get("", lambda reply: str(reply.data["name"]))

    @endpoint
    def ready(self, name: str) -> Request[None]:
        """Check that all parties serve their parts of the model."""
        return get(f"/models/{name}/ready", lambda _: None)

    @endpoint
    def scores(self, name: str, ids: Sequence[str]) -> Request[tuple[str, list[list[float]]]]:
        """Return the job that has trained the model, and for each row a number, or one for each class."""

        def parse(reply: Reply) -> tuple[str, list[list[float]]]:
            found = _Scores.model_validate(reply.data)
            (rows, width), data = found.outputs[0].shape, found.outputs[0].data
            if rows != len(ids) or len(data) != rows * width:
                msg = "not one line of scores for each row"
                raise ValueError(msg)
            return found.model_version, [data[begin : begin + width] for begin in range(0, len(data), width)]

        body = {"inputs": [{"name": "id", "shape": [len(ids)], "datatype": "BYTES", "data": list(ids)}]}
        return post(f"/models/{name}/infer", parse, json=body, once=Once.REPEAT, slow=True)


class SplitScoreApi(Api[Transport]):
    """The guest's service."""

    envelope = SplitScoreEnvelope()

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)
        self.ask = ScoreQuestions(transport)


class SplitScoreClient(SyncClient, SplitScoreApi[SyncTransport]):
    """The guest's service, called."""
