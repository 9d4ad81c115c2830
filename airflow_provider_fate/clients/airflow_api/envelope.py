"""Airflow's answers: what was asked for, or ``{"detail": ...}`` with an HTTP status that says what it means."""

from __future__ import annotations

import json
from typing import Any

import httpx

from airflow_provider_fate import errors as e
from airflow_provider_fate.clients.http import Envelope, Reply, Request

__all__ = ["EXISTS", "MISSING", "AirflowApiEnvelope"]

MISSING, EXISTS = 404, 409
_CLASSES: dict[int, type[e.FateError]] = {
    400: e.FateInvalidParameterError,
    401: e.FateAuthError,
    403: e.FatePermissionError,
    MISSING: e.FateNotFoundError,
    EXISTS: e.FateConflictError,
    422: e.FateInvalidParameterError,
}
_HINTS = {
    401: "Check user name and password, or the token, of the connection to Airflow's API.",
    403: "Let that user create, edit and delete connections (in the FAB auth manager the role Op may).",
}


class AirflowApiEnvelope(Envelope):
    """Airflow 3."""

    service = "Airflow's API"
    version = "api/v2"
    known = "Airflow 3.1 to 3.3"
    default_port = 8080

    def open(self, request: Request[Any], response: httpx.Response, content: Any) -> Reply | None:
        """Take the content, or what the error says.

        :raises FateProxyError: the server failed; a repeat may help.
        """
        status = response.status_code
        if response.is_success:
            return Reply(data=content)
        if not isinstance(content, dict) or "detail" not in content:
            return None
        words = _words(content["detail"])
        if status >= 500:
            raise e.FateProxyError(
                f"Airflow's API failed at {request.endpoint} (HTTP {status}): {words}",
                hint="The log of its API server says why.",
                status=status,
                excerpt=words,
                **self.about(request),
            )
        return Reply(code=status, message=words)

    def error(self, request: Request[Any], reply: Reply, response: httpx.Response) -> Exception:
        """Return the exception for a status."""
        kind = _CLASSES.get(reply.code, e.FateServerError)
        message = f"Airflow's API refuses {request.endpoint} (HTTP {reply.code}): {reply.message}"
        return kind(message, hint=_HINTS.get(reply.code), code=reply.code, **self.about(request, reply))


def _words(detail: Any) -> str:
    """What is wrong, without what was sent: FastAPI repeats the input, which may hold a password."""
    if isinstance(detail, list):
        told = [
            f"{'.'.join(map(str, one.get('loc', ())))}: {one.get('msg')}" for one in detail if isinstance(one, dict)
        ]
        return "; ".join(told)[:300]
    if isinstance(detail, dict):
        return str(detail.get("reason") or detail.get("message") or "refused")[:300]
    return (detail if isinstance(detail, str) else json.dumps(detail))[:300]
