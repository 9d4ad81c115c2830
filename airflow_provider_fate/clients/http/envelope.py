"""How answers are opened: what an API says of itself, and what is done alike for all."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import httpx
from pydantic import ValidationError

from airflow_provider_fate.errors import (
    FateProxyError,
    FateServerError,
    FateTlsError,
)

from .request import Reader, Reply, Request

__all__ = ["Envelope", "parse", "read", "read_from", "shortened"]

T = TypeVar("T")

_EXCERPT = 200


class Envelope(ABC):
    """What sets one API apart from all others: its name, its version, how it wraps answers and names errors.

    :cvar service: what its servers are called in messages, such as ``"the model server"``.
    :cvar version: the first part of every path, such as ``"v2"`` or ``"apis/v1"``; empty where there is none.
    :cvar known: the release that the client was written for; empty: not said.
    :cvar default_port: where its servers usually listen; ``None``: not said.
    :cvar created: what a submit creates, as the beginning of a sentence.
    """

    service: ClassVar[str]
    version: ClassVar[str] = ""
    known: ClassVar[str] = ""
    default_port: ClassVar[int | None] = None
    created: ClassVar[str] = "What it creates"

    @abstractmethod
    def open(self, request: Request[Any], response: httpx.Response, content: Any) -> Reply | None:
        """Take the reply out of its envelope.

        :param response: status and headers; its body may not be there any more.
        :param content: what the body's JSON says; ``None`` for an empty answer (HTTP 204).
        :returns: ``None``: this is not an answer of the API, so something else must have answered.
        :raises FateError: for an answer that needs no reply to tell that it is an error.
        """

    def error(self, request: Request[Any], reply: Reply, response: httpx.Response) -> Exception:
        """Return the exception for a reply whose code is neither 0 nor accepted by the request."""
        return FateServerError(
            reply.message.strip() or f"{self.service} answered {request.endpoint} with code {reply.code}",
            code=reply.code,
            **self.about(request, reply),
        )

    def foreign(self, request: Request[Any], response: httpx.Response, excerpt: str) -> Exception | None:
        """Return what an answer without an envelope means to this API; ``None``: that something else has answered.

        :param excerpt: the beginning of the answer.
        """
        return None

    def about(self, request: Request[Any], reply: Reply | None = None) -> dict[str, Any]:
        """Return what an error tells of the request and, where there is one, of the reply; arguments of errors."""
        return {"endpoint": request.endpoint}


def read(envelope: Envelope, request: Request[T], response: httpx.Response, body: bytes) -> T:
    """Return the result of a request from its whole answer.

    :raises FateError: the answer is an error, or something else has answered.
    """
    return _result(envelope, request, response, body, lambda: json.loads(body))


def read_from(envelope: Envelope, request: Request[T], response: httpx.Response, reader: Reader) -> T:
    """Return the result of a request from the reader that was fed its whole answer.

    :raises FateError: the answer is an error, or something else has answered.
    """
    return _result(envelope, request, response, reader.rest, reader.finish)


def parse(envelope: Envelope, request: Request[T], reply: Reply) -> T:
    """Return the result of a good reply.

    :raises FateServerError: the reply does not look as it should.
    """
    try:
        return request.parse(reply)
    except (ValidationError, KeyError, TypeError, ValueError, AttributeError) as error:
        known = f"This client knows {envelope.known}; look" if envelope.known else "Look"
        raise FateServerError(
            f"{request.endpoint} answered something unexpected: {shortened(str(error))}",
            hint=f"{known} whether the server is older, newer or patched.",
            **envelope.about(request, reply),
        ) from error


def shortened(text: str) -> str:
    """Return the beginning of a text, on one line."""
    text = " ".join(text.split())
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"


def _result(
    envelope: Envelope,
    request: Request[T],
    response: httpx.Response,
    body: bytes | bytearray,
    decode: Callable[[], Any],
) -> T:
    try:
        content = None if response.status_code == httpx.codes.NO_CONTENT else decode()
    except ValueError:
        raise _not_an_answer(envelope, request, response, body) from None
    reply = envelope.open(request, response, content)
    if reply is None:
        raise _not_an_answer(envelope, request, response, body)
    if reply.code and reply.code not in request.accept:
        special = request.errors(reply) if request.errors is not None else None
        raise special or envelope.error(request, reply, response)
    return parse(envelope, request, reply)


def _not_an_answer(
    envelope: Envelope, request: Request[Any], response: httpx.Response, body: bytes | bytearray
) -> Exception:
    service = envelope.service
    excerpt = shortened(body[:4096].decode("utf-8", errors="replace"))
    if (error := envelope.foreign(request, response, excerpt)) is not None:
        return error
    status = f"HTTP {response.status_code} {response.reason_phrase}".strip()
    if "plain HTTP request was sent to HTTPS port" in excerpt:
        return FateTlsError(
            "The server speaks HTTPS, but was spoken to in plain HTTP.",
            hint="Switch TLS on in the connection (scheme 'https').",
            sent=False,
            **envelope.about(request),
        )
    if location := response.headers.get("location"):
        hint = f"It redirects to {location.split('?')[0]}; point the connection at {service} itself."
    elif response.status_code in (502, 503, 504):
        hint = f"The proxy in front of {service} does not reach it; is {service} running?"
    else:
        usual = f" ({envelope.default_port} by default)" if envelope.default_port else ""
        hint = f"Check that host and port are those of {service}'s HTTP interface{usual}."
    return FateProxyError(
        f"Not an answer of {service} ({status}): {excerpt or 'empty'}",
        hint=hint,
        status=response.status_code,
        excerpt=excerpt,
        **envelope.about(request),
    )
