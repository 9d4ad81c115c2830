"""KubeFATE's answers: ``{"data": ..., "msg": ...}``, or ``{"error": "..."}`` with an HTTP status that says little."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from airflow_provider_fate import errors as e
from airflow_provider_fate.clients.http import Envelope, Reply, Request

__all__ = ["EXISTS", "MISSING", "NOT_STOPPABLE", "UNCHANGED", "KubefateEnvelope"]

UNCHANGED, INVALID, AUTH, MISSING, CHART_MISSING, EXISTS, NOT_STOPPABLE, FAILED = 304, 400, 401, 404, 405, 409, 410, 500
"""What its words mean, as numbers that a caller tells apart; KubeFATE answers 500 to nearly all of it."""

_MEANINGS = (
    (re.compile(r"record not found|is not existed"), MISSING),
    (re.compile(r"Cluster already existed|User is existed"), EXISTS),
    (re.compile(r"the configuration file did not change"), UNCHANGED),
    (re.compile(r"do not support stop|not support stop"), NOT_STOPPABLE),
    (re.compile(r"failed to download|is not a valid [Cc]hart repository|no chart (name|version) found"), CHART_MISSING),
    (
        re.compile(
            r"doesn't support upgrade|downgrade a cluster|upgrade from FATE version|cannot be empty|jobStatus error"
            r"|json: cannot unmarshal|invalid character|error converting YAML|gzip: invalid header|unexpected EOF"
        ),
        INVALID,
    ),
)
_CLASSES: dict[int, type[e.FateError]] = {
    UNCHANGED: e.FateConflictError,
    INVALID: e.FateInvalidParameterError,
    AUTH: e.FateAuthError,
    MISSING: e.FateClusterNotFound,
    CHART_MISSING: e.FateChartNotFound,
    EXISTS: e.FateClusterExists,
    NOT_STOPPABLE: e.FateNotOfferedError,
}
_HINTS = (
    ("cookie token is empty", "Something between here and KubeFATE takes the Authorization header away."),
    ("incorrect Username or Password", "Correct user name and password of the connection."),
    ("missing Username or Password", "Give the connection a user name and a password."),
    ("gzip: invalid header", "Upload a packed chart: the .tgz that `helm package` makes."),
    ("downgrade a cluster", "Delete the cluster and deploy the older version."),
    ("different charts", "Delete the cluster and deploy the other chart."),
    ("Get namespaces failed", "Let KubeFATE's service account list namespaces."),
)
_CREDENTIALS = "Check user name and password of the connection."
_UPLOAD = (
    "Upload the chart first (chart= of the operator, or `charts.upload`): the public repository ends with "
    "FATE 1.11.2, and KubeFATE may not reach it."
)


class KubefateEnvelope(Envelope):
    """KubeFATE 1.4.5, the service of FATE 1.9 to 2.0."""

    service = "KubeFATE"
    version = "v1"
    known = "KubeFATE v1.4.5"
    default_port = 8080
    created = "A job for it"

    def open(self, request: Request[Any], response: httpx.Response, content: Any) -> Reply | None:
        """Take the content, or the words of the error.

        The time at which the service answered is added as ``date``: how old a record is can only be told by its clock.

        :raises FateProxyError: a question could not be answered, so that a repeat may help.
        """
        if not isinstance(content, dict):
            return None
        status = response.status_code
        if status == httpx.codes.OK:
            return Reply(data={**content, "date": _date(response)}, message=str(content.get("msg") or ""))
        if status == httpx.codes.UNAUTHORIZED and "message" in content:
            return Reply(code=AUTH, message=str(content["message"]))
        if "error" not in content:
            return None
        words = str(content["error"])
        code = next((code for pattern, code in _MEANINGS if pattern.search(words)), FAILED)
        if code == FAILED and request.method == "GET" and status >= 500:
            raise e.FateProxyError(
                f"KubeFATE cannot answer {request.endpoint}: {words[:300]}",
                hint=_hint(words) or "Its log says why; it asks the API server of Kubernetes, which may be away.",
                status=status,
                excerpt=words[:200],
                **self.about(request),
            )
        return Reply(code=code, message=words)

    def error(self, request: Request[Any], reply: Reply, response: httpx.Response) -> Exception:
        """Return the exception for what KubeFATE's words mean."""
        kind = _CLASSES.get(reply.code, e.FateServerError)
        hint = _hint(reply.message)
        if hint is None and kind is e.FateAuthError:
            hint = _CREDENTIALS
        if hint is None and kind is e.FateChartNotFound:
            hint = _UPLOAD
        return kind(f"KubeFATE: {reply.message}", hint=hint, code=reply.code, **self.about(request, reply))

    def foreign(self, request: Request[Any], response: httpx.Response, excerpt: str) -> Exception | None:
        """A handler that has panicked answers nothing at all; an Ingress that knows no such host, a 404."""
        status = response.status_code
        if status == httpx.codes.INTERNAL_SERVER_ERROR and excerpt == "":
            cause = (
                "The cluster.yaml that is in place, or the new one, lacks chartName or chartVersion."
                if request.method == "PUT"
                else "Its log has the trace; a node of Kubernetes without an address is one cause."
            )
            return e.FateServerError(
                f"KubeFATE has broken down inside while it handled {request.endpoint} (HTTP 500, empty).",
                hint=cause,
                code=FAILED,
                **self.about(request),
            )
        if status == httpx.codes.NOT_FOUND:
            return e.FateProxyError(
                f"No KubeFATE is found for {request.endpoint} (HTTP 404): {excerpt or 'empty'}",
                hint="An Ingress chooses by the name of the host: give the one of KubeFATE's Ingress as host, or as "
                "host header of the connection; and check the path prefix.",
                status=status,
                excerpt=excerpt,
                **self.about(request),
            )
        return None


def _hint(words: str) -> str | None:
    return next((hint for part, hint in _HINTS if part in words), None)


def _date(response: httpx.Response) -> str | None:
    try:
        return parsedate_to_datetime(response.headers["date"]).isoformat()
    except (KeyError, TypeError, ValueError):
        return None
