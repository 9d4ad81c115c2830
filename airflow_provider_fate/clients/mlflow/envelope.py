"""MLflow's answers: what was asked for with HTTP 200, else ``{"error_code": ..., "message": ...}``."""

from __future__ import annotations

from typing import Any

import httpx

from airflow_provider_fate import errors as e
from airflow_provider_fate.clients.http import Envelope, Reply, Request

__all__ = ["EXISTS", "INVALID", "MISSING", "MlflowEnvelope"]

INVALID, EXISTS, MISSING = 1000, 3001, 3002
"""Numbers of the error codes that a caller tells apart, as MLflow's protocol gives them."""

_CODES = {
    "BAD_REQUEST": 4,
    "INVALID_PARAMETER_VALUE": INVALID,
    "ENDPOINT_NOT_FOUND": 1001,
    "PERMISSION_DENIED": 1004,
    "RESOURCE_ALREADY_EXISTS": EXISTS,
    "RESOURCE_DOES_NOT_EXIST": MISSING,
    "RESOURCE_CONFLICT": 3006,
    "UNAUTHENTICATED": 401,
    "CUSTOMER_UNAUTHORIZED": 401,
}
_OTHER = 1
_CLASSES: dict[int, type[e.FateError]] = {
    4: e.FateInvalidParameterError,
    INVALID: e.FateInvalidParameterError,
    1001: e.FateNotOfferedError,
    1004: e.FatePermissionError,
    EXISTS: e.FateConflictError,
    MISSING: e.FateNotFoundError,
    3006: e.FateConflictError,
    401: e.FateAuthError,
}
_CREDENTIALS = "Check user name and password, or the token, of the connection, and what MLflow lets that user do."


class MlflowEnvelope(Envelope):
    """MLflow 3."""

    service = "MLflow"
    version = "api/2.0"
    known = "MLflow 3"
    default_port = 5000

    def open(self, request: Request[Any], response: httpx.Response, content: Any) -> Reply | None:
        """Take the content, or the error.

        :raises FateProxyError: the server failed; a repeat may help.
        """
        status = response.status_code
        if status == httpx.codes.OK:
            return Reply(data=content)
        if not isinstance(content, dict) or "error_code" not in content:
            return None
        name, message = str(content["error_code"]), str(content.get("message") or "")
        if status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS:
            raise e.FateProxyError(
                f"MLflow failed at {request.endpoint} (HTTP {status}, {name}): {message[:200]}",
                hint="Its log says why.",
                status=status,
                excerpt=message[:200],
                **self.about(request),
            )
        return Reply(code=_CODES.get(name, _OTHER), message=message or name)

    def error(self, request: Request[Any], reply: Reply, response: httpx.Response) -> Exception:
        """Return the exception for MLflow's error code."""
        kind = _CLASSES.get(reply.code, e.FateServerError)
        hint = _CREDENTIALS if issubclass(kind, e.FateAuthError) else None
        return kind(f"MLflow: {reply.message}", hint=hint, code=reply.code, **self.about(request, reply))

    def foreign(self, request: Request[Any], response: httpx.Response, excerpt: str) -> Exception | None:
        """Refusals come as plain text."""
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            host = "Host header" in excerpt
            return e.FateAuthError(
                f"MLflow refuses {request.endpoint} (HTTP {response.status_code}): {excerpt or 'no reason given'}",
                hint="Start it with --allowed-hosts and the name that the connection uses." if host else _CREDENTIALS,
                **self.about(request),
            )
        return None
