"""The service of a host's part, as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from airflow_provider_fate.clients.split.messages import DirectionsQuestion, SplitRefusal, SumsQuestion
from airflow_provider_fate.errors import FateError, FateInputError, FateRowNotFound
from airflow_provider_fate.serving.split.host import HostPart
from airflow_provider_fate.serving.split.settings import SplitListener
from airflow_provider_fate.serving.split.web import Handler, body_of, guarded, problem_of

__all__ = ["host_app"]

QuestionT = TypeVar("QuestionT", bound=BaseModel)


def host_app(host: HostPart, listener: SplitListener) -> Starlette:
    """Make the application: ``/v1/part``, ``/v1/sums`` and ``/v1/directions`` for the guest, ``/health`` for anybody.

    :param host: what it serves.
    :param listener: who is let in.
    """

    def asked(kind: type[QuestionT], answer: Callable[[QuestionT], BaseModel]) -> Handler:
        async def handle(request: Request) -> Response:
            question = _read(kind, await body_of(request))
            return _json(await asyncio.to_thread(answer, question))

        return guarded(listener, handle, _refuse)

    async def describe(_: Request) -> Response:
        return _json(host.describe())

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/v1/part", guarded(listener, describe, _refuse)),
            Route("/v1/sums", asked(SumsQuestion, host.sums), methods=["POST"]),
            Route("/v1/directions", asked(DirectionsQuestion, host.directions), methods=["POST"]),
        ]
    )


def _read(kind: type[QuestionT], body: bytes) -> QuestionT:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise FateInputError(f"The question cannot be read: {place}: {first['msg']}.") from None


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")


def _refuse(error: FateError) -> JSONResponse:
    problem, status = problem_of(error)
    positions = error.positions if isinstance(error, FateRowNotFound) else None
    refusal = SplitRefusal(error=problem, message=error.message, positions=positions)
    return JSONResponse(refusal.model_dump(mode="json"), status_code=status)
