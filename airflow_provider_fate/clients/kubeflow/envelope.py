"""The registry's answers: what was asked for with HTTP 200 or 201, else ``{"code": ..., "message": ...}``."""

from __future__ import annotations

from typing import Any

import httpx

from airflow_provider_fate import errors as e
from airflow_provider_fate.clients.http import Envelope, Reply, Request

__all__ = ["EXISTS", "MISSING", "KubeflowEnvelope"]

MISSING, EXISTS = 404, 409
_GOOD = (200, 201)
_CLASSES: dict[int, type[e.FateError]] = {
    400: e.FateInvalidParameterError,
    401: e.FateAuthError,
    403: e.FatePermissionError,
    MISSING: e.FateNotFoundError,
    EXISTS: e.FateConflictError,
    422: e.FateInvalidParameterError,
}
_CREDENTIALS = "Check the token, or user name and password, of the connection, and what the registry lets that user do."


class KubeflowEnvelope(Envelope):
    """Kubeflow Model Registry."""

    service = "Kubeflow Model Registry"
    version = "api/model_registry/v1alpha3"
    known = "Kubeflow Model Registry v1alpha3"
    default_port = 8080

    def open(self, request: Request[Any], response: httpx.Response, content: Any) -> Reply | None:
        """Take the content, or the error.

        :raises FateProxyError: the server failed; a repeat may help.
        """
        status = response.status_code
        if not isinstance(content, dict):
            return None
        if status in _GOOD:
            return Reply(data=content)
        if "message" not in content:
            return None
        message = str(content["message"])
        if status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS:
            raise e.FateProxyError(
                f"Kubeflow Model Registry failed at {request.endpoint} (HTTP {status}): {message[:200]}",
                hint="Its log says why.",
                status=status,
                excerpt=message[:200],
                **self.about(request),
            )
        return Reply(code=status, message=message)

    def error(self, request: Request[Any], reply: Reply, response: httpx.Response) -> Exception:
        """Return the exception for the HTTP status."""
        kind = _CLASSES.get(reply.code, e.FateServerError)
        hint = _CREDENTIALS if issubclass(kind, e.FateAuthError) else None
        return kind(
            f"Kubeflow Model Registry: {reply.message}", hint=hint, code=reply.code, **self.about(request, reply)
        )

    def foreign(self, request: Request[Any], response: httpx.Response, excerpt: str) -> Exception | None:
        """A proxy before it may refuse as well, in its own words."""
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            return e.FateAuthError(
                f"{request.endpoint} is refused (HTTP {response.status_code}): {excerpt or 'no reason given'}",
                hint=_CREDENTIALS,
                **self.about(request),
            )
        return None
