"""FedLCM's answers, and those of its site portal: ``{"code", "message", "data"}``, and HTTP 500 for every error."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import httpx

from airflow_provider_fate import errors as e
from airflow_provider_fate.clients.http import Envelope, Reply, Request

__all__ = ["CONFLICT", "EXISTS", "INVALID", "MISSING", "FedlcmEnvelope", "GinEnvelope"]

INVALID, AUTH, FORBIDDEN, MISSING, CONFLICT, EXISTS, FAILED = 400, 401, 403, 404, 408, 409, 500
"""What its words mean, as numbers that a caller tells apart; the service itself says 10001 to all of it."""

_MEANINGS = (
    (re.compile(r"exchange existence status"), CONFLICT),
    (re.compile(r"get default CA|to get chart|query chart|validate token"), INVALID),
    (re.compile(r"record not found|chart not found|job not found|model not found"), MISSING),
    (
        re.compile(r"already exist|aleady being used|is already deployed|is already existed|exists\. cannot override"),
        EXISTS,
    ),
    (
        re.compile(
            r"not in active status|cannot be removed when in status|cannot remove |still contain|is used by project"
            r"|at least one (data association|job)|fml manager not connected|not connected to FML manager"
            r"|FML manager (is )?not connected|endpoint is not ready",
            re.I,
        ),
        CONFLICT,
    ),
    (
        re.compile(
            r"cannot be upgraded|too old to be upgrade|cannot re-use existing certificate|failed to unmarshal"
            r"|is not for |is not an? |missing |invalid|invalied|cannot unmarshal|cannot be launched|expect namespaces"
            r"|must contain|strconv\.|unknown token|should be 8-20|cannot have other|password should",
        ),
        INVALID,
    ),
)
_CLASSES: dict[int, type[e.FateError]] = {
    INVALID: e.FateInvalidParameterError,
    AUTH: e.FateAuthError,
    FORBIDDEN: e.FatePermissionError,
    MISSING: e.FateNotFoundError,
    CONFLICT: e.FateConflictError,
    EXISTS: e.FateConflictError,
}
_HINTS = (
    ("exchange existence", "Deploy the exchange first, or write down the one that there is."),
    ("fml manager", "Register the site with the FML manager, on the portal's page of the site configuration."),
    ("token expired", "Make another registration token."),
    ("token limit reached", "Make another registration token: each serves for so many envoys."),
    ("cannot override", "Name a namespace that does not exist, or set less_privileged for one that does."),
    ("expect namespaces", "The kubeconfig is not that of a cluster admin: name the namespaces that it may use."),
    ("default CA", "Configure a certificate authority in FedLCM, or leave certificates out (skip)."),
    ("when in status", "Only what is Active is removed without force=True."),
    ("as there are", "Remove those first."),
    ("still contain", "Remove those first."),
    ("too old to be upgrade", "FedLCM upgrades from FATE 1.9 on: remove the cluster, and deploy a new one."),
    ("not managed by fedlcm", "It was not deployed by FedLCM: upgrade it where it was deployed."),
    ("cookie token is empty", "Something between here and the service takes the Authorization header away."),
    ("incorrect username or password", "Correct user name and password of the connection."),
    ("missing username or password", "Give the connection a user name and a password."),
)


class GinEnvelope(Envelope):
    """What both services have in common.

    :cvar who_may: whom the service lets in, for messages.
    """

    version = "api/v1"
    default_port = 8080
    who_may: ClassVar[str]

    def open(self, request: Request[Any], response: httpx.Response, content: Any) -> Reply | None:
        """Take the data, or the words of the error.

        :raises FateProxyError: a question could not be answered, so that a repeat may help.
        """
        date = response.headers.get("date")
        status = response.status_code
        if request.bare and status == httpx.codes.OK:
            return Reply(data=content, date=date) if isinstance(content, dict) else None
        if not isinstance(content, dict) or "code" not in content or "message" not in content:
            return None
        words = str(content["message"])
        if status == httpx.codes.OK and content["code"] == 0:
            return Reply(data=content.get("data"), message=words, date=date)
        if status in (AUTH, FORBIDDEN):
            return Reply(code=status, message=words, date=date)
        code = next((code for pattern, code in _MEANINGS if pattern.search(words)), FAILED)
        if code == FAILED and request.method == "GET" and status >= 500:
            raise e.FateProxyError(
                f"{self.service} cannot answer {request.endpoint}: {words[:300]}",
                hint=_hint(words) or "Its log says why: its database or what it asks may be away.",
                status=status,
                excerpt=words[:200],
                **self.about(request),
            )
        return Reply(code=code, message=words, date=date)

    def error(self, request: Request[Any], reply: Reply, response: httpx.Response) -> Exception:
        """Return the exception for what the words mean."""
        kind = _CLASSES.get(reply.code, e.FateServerError)
        hint = _hint(reply.message)
        if hint is None and kind is e.FatePermissionError:
            hint = self.who_may
        if hint is None and kind is e.FateAuthError:
            hint = "Check user name and password of the connection."
        return kind(f"{self.service}: {reply.message}", hint=hint, code=reply.code, **self.about(request, reply))

    def foreign(self, request: Request[Any], response: httpx.Response, excerpt: str) -> Exception | None:
        """A handler that has panicked answers nothing at all."""
        if response.status_code == httpx.codes.INTERNAL_SERVER_ERROR and excerpt == "":
            return e.FateServerError(
                f"{self.service} has broken down inside while it handled {request.endpoint} (HTTP 500, empty).",
                hint="Its log has the trace; a deployment YAML without a section that it expects is one cause.",
                code=FAILED,
                **self.about(request),
            )
        return None


class FedlcmEnvelope(GinEnvelope):
    """FedLCM 0.3.0, the life-cycle manager of federations with FATE 1.x or OpenFL."""

    service = "FedLCM"
    known = "FedLCM v0.3.0"
    created = "What it deploys"
    who_may = "FedLCM knows one user only, 'Admin', with a capital A."


def _hint(words: str) -> str | None:
    lower = words.lower()
    return next((hint for part, hint in _HINTS if part.lower() in lower), None)
