"""FATE-Flow's answers: HTTP 200 for everything, and the truth in an envelope ``{code, message, data, job_id}``."""

from __future__ import annotations

import ast
import json
import re
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from airflow_provider_fate import errors as e
from airflow_provider_fate.clients.http.envelope import Envelope, shortened
from airflow_provider_fate.clients.http.request import Once, Reply, Request

from .grpc_words import without_grpc
from .partner_words import NOT_REACHED, of_partners

__all__ = ["NO_JOB", "NO_TASK", "FlowEnvelope", "error_of", "old_version", "parties_of"]

NO_JOB = 1001
NO_TASK = 2000
NO_PERMISSION = 5005

_SIGNATURE_HEADERS = re.compile(r"name\[(appId|userName|Nonce|Timestamp|Signature)\]")
_CREATE_FAILED = re.compile(r"\('create job failed', (\{.*\})\)\s*$", re.S)


class FlowEnvelope(Envelope):
    """FATE-Flow 2.x."""

    service = "FATE-Flow"
    version = "v2"
    known = "FATE-Flow 2.2"
    default_port = 9380
    created = "The job"

    def open(self, request: Request[Any], response: httpx.Response, content: Any) -> Reply | None:
        """Open the envelope; an endpoint without one has none.

        :raises FateVersionError: the answer is one of FATE-Flow 1.x.
        """
        if not isinstance(content, dict):
            return None
        if response.status_code == 200 and isinstance(content.get("code"), int):
            job_id = content.get("job_id")
            return Reply(
                code=content["code"],
                message=str(content.get("message", "")),
                data=content.get("data"),
                id=None if job_id is None else str(job_id),
                date=response.headers.get("date"),
            )
        if "retcode" in content:
            raise old_version(request.endpoint)
        return Reply(data=content) if response.status_code == 200 and request.bare else None

    def error(self, request: Request[Any], reply: Reply, response: httpx.Response) -> Exception:
        """Return the exception for FATE-Flow's code."""
        return error_of(request, reply, response)

    def about(self, request: Request[Any], reply: Reply | None = None) -> dict[str, Any]:
        """Return endpoint and job."""
        return {"endpoint": request.endpoint, "job_id": _job_of(request) or (reply.id if reply else None)}


def _job_of(request: Request[Any]) -> str | None:
    """Return the job that a request is about, if it names one."""
    for source in (request.params, request.json or {}):
        if isinstance(job_id := source.get("job_id"), str):
            return job_id
    return None


def old_version(endpoint: str) -> e.FateVersionError:
    """Return the error for a server of the 1.x line."""
    return e.FateVersionError(
        "This FATE-Flow speaks 1.x; this provider speaks 2.x.",
        hint="Upgrade the site to FATE 2.2, or point the connection at a 2.x FATE-Flow.",
        endpoint=endpoint,
    )


# --- codes --------------------------------------------------------------------------------------------------

_CLASSES: dict[int, type[e.FateError]] = {
    1000: e.FateInvalidJobError,
    NO_JOB: e.FateJobNotFound,
    1005: e.FateResourceError,
    1006: e.FateResourceError,
    1007: e.FateInvalidJobError,
    NO_TASK: e.FateTaskNotFound,
    2004: e.FateResourceError,
    2005: e.FateModelNotFound,
    3000: e.FateNotOfferedError,
    4000: e.FateInvalidParameterError,
    4001: e.FateInvalidParameterError,
    5002: e.FateUnknownAppError,
    5003: e.FateSignatureError,
    5004: e.FatePermissionError,
    5005: e.FatePermissionError,
    5006: e.FateInvalidParameterError,
    5007: e.FateInvalidParameterError,
    5009: e.FateInvalidParameterError,
    6001: e.FateNotOfferedError,
    6003: e.FateNotFoundError,
    6004: e.FateNotFoundError,
    7001: e.FateTableNotFound,
    7002: e.FateTableExists,
    8001: e.FateFileNotFound,
    8002: e.FateFileExists,
}

_HINTS: dict[int, str] = {
    NO_JOB: "A site knows only its own jobs, and only its own side of them.",
    1006: "The job asks for more cores than the cluster has; lower `conf.cores`.",
    NO_TASK: "A site knows only its own tasks; ask the other party's site for theirs.",
    3000: "A standalone FATE-Flow has no party id of its own.",
    5002: "Ask the site's operator for an app id (`app/client/create`) and a role for it (`permission/grant`).",
    5003: "The app token does not belong to the app id; take both from the same `app/client/create`.",
    5004: "Ask the site's operator to grant the app a role that may do this.",
    5005: "Either the site does not know this app id, or nobody granted it a role (`permission/grant`).",
    6001: "It works only while client or site authentication is switched on in the server's configuration.",
    7001: "Check namespace and name; a site does not see its partners' tables.",
}


def error_of(request: Request[Any], reply: Reply, response: httpx.Response) -> Exception:
    """Return the exception for a reply whose code is an error."""
    code = reply.code
    message = without_grpc(reply.message.strip()) or f"code {code}"
    job_id = reply.id or _job_of(request)
    endpoint = request.endpoint
    match code:
        case 104 if request.once is Once.SUBMIT:
            return e.FateAmbiguousSubmitError(
                f"FATE-Flow gave up waiting for its scheduler or a partner: {shortened(message)}",
                hint="One or more copies of the job may run. Look for them before submitting again.",
                job_id=job_id,
                endpoint=endpoint,
                code=code,
            )
        case 1002:
            return _create_failed(reply, endpoint)
        case 1004 if deaf := _refusals(reply.message):
            return _stop_not_heard(deaf, job_id, endpoint)
        case 5000:
            return _expired(message, response, endpoint)
        case 5001:
            return _invalid_parameter(reply, endpoint)
        case 6000 if "'404: Not Found'" in message or "'405: Method Not Allowed'" in message:
            return e.FateNotOfferedError(
                f"This FATE-Flow does not know {endpoint}.",
                hint="This client knows the interface of FATE-Flow 2.2.",
                endpoint=endpoint,
                code=code,
            )
    kind = _CLASSES.get(code, e.FateServerError)
    return kind(message, hint=_HINTS.get(code), job_id=job_id, endpoint=endpoint, code=code)


def _invalid_parameter(reply: Reply, endpoint: str) -> e.FateError:
    if named := _SIGNATURE_HEADERS.search(reply.message):
        return e.FateAuthError(
            f"FATE-Flow wants signed requests; header {named[1]} is missing or malformed.",
            hint="Set app id and app token on the connection.",
            endpoint=endpoint,
            code=reply.code,
        )
    fields = {
        name: [str(text) for text in texts] if isinstance(texts, list) else [str(texts)]
        for place in (reply.data.values() if isinstance(reply.data, dict) else ())
        if isinstance(place, dict)
        for name, texts in place.items()
    }
    details = "; ".join(f"{name}: {' '.join(texts)}" for name, texts in fields.items())
    return e.FateInvalidParameterError(
        f"{reply.message} {details}".strip(), fields=fields, endpoint=endpoint, code=reply.code
    )


def _expired(message: str, response: httpx.Response, endpoint: str) -> e.FateClockSkewError:
    skew = None
    if (date := response.headers.get("date")) and (sent := response.request.headers.get("Timestamp")):
        try:
            skew = round(parsedate_to_datetime(date).timestamp() - int(sent) / 1000, 1)
        except (TypeError, ValueError):
            skew = None
    measured = f" The server's clock is {skew:.0f} s ahead of this machine's." if skew is not None else ""
    return e.FateClockSkewError(
        f"{message}: the signature is older than 60 s.{measured}",
        hint="Set both clocks by NTP.",
        skew=skew,
        endpoint=endpoint,
        code=5000,
    )


# --- partners -----------------------------------------------------------------------------------------------


def parties_of(message: str) -> dict[tuple[str, str], tuple[int, str]]:
    """Return ``{(role, party id): (code, message)}`` from what FATE-Flow says about a round of its parties.

    A failed creation (1002) carries a Python traceback that ends in the answers of all parties; a failed stop
    (1004) carries them as JSON. Anything else gives an empty result.
    """
    try:
        found = _CREATE_FAILED.search(message)
        answers = ast.literal_eval(found[1]) if found else json.loads(message)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return {}
    parties: dict[tuple[str, str], tuple[int, str]] = {}
    for role, by_party in answers.items() if isinstance(answers, dict) else ():
        for party_id, answer in by_party.items() if isinstance(by_party, dict) else ():
            if isinstance(answer, dict) and isinstance(answer.get("code"), int):
                parties[str(role), str(party_id)] = (answer["code"], without_grpc(str(answer.get("message", ""))))
    return parties


def _refusals(message: str) -> dict[tuple[str, str], tuple[int, str]]:
    return {party: answer for party, answer in parties_of(message).items() if answer[0] != 0}


def _stop_not_heard(
    failed: dict[tuple[str, str], tuple[int, str]], job_id: str | None, endpoint: str
) -> e.FateStopNotHeardError:
    return e.FateStopNotHeardError(
        f"Not every party has heard that the job is stopped. {of_partners(failed)}",
        hint="Its records there may say running, and hold cores, until the stop is repeated or given there.",
        parties={party: text for party, (_, text) in failed.items()},
        codes={party: code for party, (code, _) in failed.items()},
        job_id=job_id,
        endpoint=endpoint,
        code=1004,
    )


def _create_failed(reply: Reply, endpoint: str) -> e.FateCreateJobError:
    failed = _refusals(reply.message)
    reasons = of_partners(failed)
    last_line = next(
        (line.strip() for line in reversed(without_grpc(reply.message).splitlines()) if line.strip()), "no reason given"
    )
    if any(code == NO_PERMISSION for code, _ in failed.values()):
        hint = "Ask that party to grant this site the components (`reader` among them) and tables that it names."
    elif any(code == NOT_REACHED for code, _ in failed.values()):
        hint = "Ask the party's operators; a later try may find it there."
    else:
        hint = "The record of the failed job stays on this site."
    party = next((f"{role} {party_id}" for role, party_id in failed), None)
    return e.FateCreateJobError(
        f"The job could not be created. {reasons or shortened(last_line)}",
        hint=hint,
        parties={party: text for party, (_, text) in failed.items()},
        codes={party: code for party, (code, _) in failed.items()},
        job_id=reply.id,
        party=party,
        endpoint=endpoint,
        code=reply.code,
    )
