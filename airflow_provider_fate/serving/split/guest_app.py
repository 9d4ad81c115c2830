"""The guest's service, as an ASGI application: the Open Inference Protocol (v2), so that any client can ask it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Lifespan

from airflow_provider_fate.clients.split.messages import MOST_ROWS
from airflow_provider_fate.errors import (
    FateError,
    FateInputError,
    FateModelNotFound,
    FatePartDown,
    FateRowNotFound,
)
from airflow_provider_fate.serving.split.features import LONGEST_ID
from airflow_provider_fate.serving.split.join import SplitScorer
from airflow_provider_fate.serving.split.settings import SplitListener
from airflow_provider_fate.serving.split.web import body_of, guarded, problem_of

__all__ = ["guest_app"]

ID, SCORE = "id", "score"
_NUMBERS = frozenset({"FP64", "FP32", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8", "BOOL"})


class _Tensor(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    name: str = Field(min_length=1, max_length=500)
    shape: list[int] = Field(min_length=1, max_length=2)
    datatype: str
    data: list[Any] = Field(max_length=MOST_ROWS)


class _Wanted(BaseModel):
    name: str


class _Inference(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    id: str | None = Field(default=None, max_length=200)
    inputs: list[_Tensor] = Field(min_length=1, max_length=10_000)
    outputs: list[_Wanted] = Field(default=[], max_length=10)


def guest_app(
    name: str,
    scorer: SplitScorer,
    listener: SplitListener,
    lifespan: Lifespan[Starlette] | None = None,
) -> Starlette:
    """Make the application.

    :param name: of the model, in paths.
    :param scorer: what makes the scores.
    :param listener: who is let in.
    :param lifespan: what is open while it runs.
    """
    version = scorer.part.model.job_id

    def require(request: Request) -> None:
        asked = (request.path_params["name"], request.path_params.get("version", version))
        if asked != (name, version):
            raise FateModelNotFound(f"There is no model {asked[0][:100]!r} of version {asked[1][:100]!r} here.")

    async def server(_: Request) -> Response:
        return JSONResponse({"name": "fate-split-scoring", "version": "1", "extensions": []})

    async def live(_: Request) -> Response:
        return JSONResponse({"live": True})

    async def up(_: Request) -> Response:
        return JSONResponse({"ready": True})

    async def ready(request: Request) -> Response:
        require(request)
        await scorer.look()
        return JSONResponse({"name": name, "ready": True})

    async def metadata(request: Request) -> Response:
        require(request)
        columns = [{"name": column, "datatype": "FP64", "shape": [-1]} for column in scorer.part.columns]
        return JSONResponse(
            {
                "name": name,
                "versions": [version],
                "platform": "fate-split",
                "inputs": [{"name": ID, "datatype": "BYTES", "shape": [-1]}, *columns],
                "outputs": [{"name": SCORE, "datatype": "FP64", "shape": [-1, scorer.width]}],
            }
        )

    async def infer(request: Request) -> Response:
        require(request)
        if "inference-header-content-length" in request.headers:
            raise FateInputError("Binary tensors are not read here.", hint="Send JSON.")
        asked = _read(await body_of(request))
        ids, given = _inputs(asked.inputs)
        scores = await scorer.score(ids, given)
        output = {
            "name": SCORE,
            "shape": [len(ids), scorer.width],
            "datatype": "FP64",
            "data": scores.ravel().tolist(),
        }
        answer = {"model_name": name, "model_version": version, "outputs": [output]}
        return JSONResponse(answer if asked.id is None else {**answer, "id": asked.id})

    models, versions = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"
    routes = [Route("/v2", server), Route("/v2/health/live", live), Route("/v2/health/ready", up)]
    for base in (models, versions):
        routes += [
            Route(base, guarded(listener, metadata, _refuse)),
            Route(f"{base}/ready", guarded(listener, ready, _refuse)),
            Route(f"{base}/infer", guarded(listener, infer, _refuse), methods=["POST"]),
        ]
    return Starlette(routes=routes, lifespan=lifespan)


def _read(body: bytes) -> _Inference:
    try:
        return _Inference.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise FateInputError(f"The request cannot be read: {place}: {first['msg']}.") from None


def _inputs(tensors: Sequence[_Tensor]) -> tuple[list[str], dict[str, list[float]]]:
    """Ids and columns of a request."""
    names = [tensor.name for tensor in tensors]
    if len(set(names)) != len(names):
        raise FateInputError("An input is there twice.", hint="Give each once.")
    if ID not in names:
        raise FateInputError(f"There is no input {ID!r}.", hint="Give the ids of the rows as BYTES.")
    ids: list[str] = []
    given: dict[str, list[float]] = {}
    rows = len(_flat(tensors[names.index(ID)]))
    for tensor in tensors:
        data = _flat(tensor)
        if len(data) != rows or tensor.shape not in ([rows], [rows, 1]):
            raise FateInputError(
                f"Input {tensor.name!r} has shape {tensor.shape} and {len(data)} values for {rows} ids.",
                hint="Give one value for each id, with shape [rows] or [rows, 1].",
            )
        if tensor.name == ID:
            if tensor.datatype != "BYTES" or not all(isinstance(v, str) and 0 < len(v) <= LONGEST_ID for v in data):
                raise FateInputError(f"Ids are BYTES: texts of 1 to {LONGEST_ID} characters.")
            ids = data
        else:
            given[tensor.name] = _numbers(tensor, data)
    if not ids:
        raise FateInputError("There are no ids.", hint="Give at least one row.")
    return ids, given


def _flat(tensor: _Tensor) -> list[Any]:
    """The values; those of a matrix may be nested."""
    return [one for row in tensor.data for one in (row if isinstance(row, list) else [row])]


def _numbers(tensor: _Tensor, data: Sequence[Any]) -> list[float]:
    if tensor.datatype not in _NUMBERS or not all(isinstance(value, int | float) or value is None for value in data):
        raise FateInputError(f"Input {tensor.name!r} is no column of numbers.", hint="Give it as FP64.")
    return [float("nan") if value is None else float(value) for value in data]


def _refuse(error: FateError) -> JSONResponse:
    """As v2 has it, a text; and its name, the party and the rows for programs."""
    if isinstance(error, FatePartDown):
        code, status = "party_down", 503
    elif isinstance(error, FateModelNotFound):
        code, status = "no_such_model", 404
    else:
        problem, status = problem_of(error)
        code = str(problem)
        if error.party is not None and error.party.startswith("host") and status in (400, 401, 403, 409, 500):
            status = 502  # it is not the client who has to change something
    message = error.message
    if error.party is not None and error.party not in message:
        message = f"{error.party}: {message}"
    body: dict[str, Any] = {"error": message, "code": code, "party": error.party}
    if isinstance(error, FateRowNotFound):
        body["positions"] = error.positions
    return JSONResponse(body, status_code=status)
