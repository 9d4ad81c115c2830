"""What both services have in common on the wire: who is let in, how much is read, and errors by name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from airflow_provider_fate import errors as e
from airflow_provider_fate.clients.split.messages import LARGEST_BODY, SplitProblem
from airflow_provider_fate.serving.split.settings import SplitListener

__all__ = ["Handler", "body_of", "guarded", "problem_of", "status_of"]

log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
_READING = 30.0
"""Seconds within which a whole question has to be there."""
_PROBLEMS: tuple[tuple[type[e.FateError], SplitProblem, int], ...] = (
    (e.FateConsentError, SplitProblem.NO_CONSENT, 403),
    (e.FateAuthError, SplitProblem.UNAUTHORIZED, 401),
    (e.FateOtherModelError, SplitProblem.OTHER_MODEL, 409),
    (e.FateRowNotFound, SplitProblem.UNKNOWN_ROW, 404),
    (e.FateResourceError, SplitProblem.TOO_MANY_ROWS, 429),
    (e.FateInputError, SplitProblem.BAD_QUESTION, 400),
)


def problem_of(error: e.FateError) -> tuple[SplitProblem, int]:
    """The name of an error on the wire, and its HTTP status."""
    for kind, problem, status in _PROBLEMS:
        if isinstance(error, kind):
            return problem, status
    return SplitProblem.FAILED, 500


def status_of(problem: SplitProblem) -> int:
    """The HTTP status of a problem."""
    return next((status for _, one, status in _PROBLEMS if one is problem), 500)


async def body_of(request: Request) -> bytes:
    """The body of a question.

    :raises FateInputError: it is too large, or does not come.
    """

    async def read() -> bytes:
        found = bytearray()
        async for piece in request.stream():
            found += piece
            if len(found) > LARGEST_BODY:
                raise e.FateInputError(f"The question has more than {LARGEST_BODY:,} bytes.", hint="Ask for less.")
        return bytes(found)

    try:
        return await asyncio.wait_for(read(), _READING)
    except (TimeoutError, ClientDisconnect):
        raise e.FateInputError(f"The question was not there within {_READING:g} s.", hint="Send it again.") from None


def guarded(listener: SplitListener, handler: Handler, refuse: Callable[[e.FateError], JSONResponse]) -> Handler:
    """A handler that lets in only who may, and answers errors by name.

    :param refuse: writes an error as the service's clients expect it.
    """

    async def handle(request: Request) -> Response:
        try:
            if not listener.lets_in(request.headers.get("authorization")):
                log.warning("refused %s: no secret, or a wrong one", request.url.path)
                raise e.FateAuthError("The secret is missing or wrong.")
            return await handler(request)
        except e.FateError as error:
            log.warning("refused %s: %s", request.url.path, error.message)
            return refuse(error)
        except Exception:
            # What went wrong may hold values of rows: it stays here.
            log.exception("failed at %s", request.url.path)
            return refuse(e.FateServerError("The service failed; its log says why."))

    return handle
