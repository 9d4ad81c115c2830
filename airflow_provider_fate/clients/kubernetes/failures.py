"""What a refusal of the API server means, and with which command to look further."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import (
    FateAdmissionRefused,
    FateAuthError,
    FateConflictError,
    FateError,
    FateFieldConflict,
    FateInputError,
    FateKindNotServed,
    FateNamespaceNotFound,
    FateNotFoundError,
    FatePermissionError,
    FateProxyError,
    FateQuotaExceeded,
    FateServerError,
    FateTimeout,
    FateTlsError,
    FateUnreachable,
)

if TYPE_CHECKING:
    from airflow_provider_fate.clients.kubernetes.objects import Resource

__all__ = ["Expired", "lost", "refused"]

_WEBHOOK = re.compile(
    r'admission webhook "(?P<name>[^"]+)" denied the request(?: without explanation|: (?P<why>.*))', re.S
)
_UNCALLED = re.compile(r'failed calling webhook "(?P<name>[^"]+)"')
_QUOTA = re.compile(r"exceeded quota: (?P<name>[^,]+)|status unknown for quota: (?P<unknown>[^,]+)")
_LIMIT = re.compile(r"(maximum|minimum) .* usage per|must specify limits|must specify requests")
_CONFLICT = re.compile(r'conflict with "(?P<manager>[^"]+)"')


class Expired(FateConflictError):
    """The server does not remember that far back (410): list anew."""


def refused(
    status: int, body: Any, *, what: str, verb: str, resource: Resource, namespace: str | None, name: str = ""
) -> FateError:
    """Make an error of an answer that is none of 200 to 299.

    :param body: a ``Status`` object, or whatever came instead.
    :param what: what was asked for, as a subject: ``"fateclusters fate/one"``.
    :param verb: as RBAC calls it.
    """
    told = body if isinstance(body, Mapping) and body.get("kind") == "Status" else None
    message = str(told.get("message") or told.get("reason") or status) if told else str(body)[:200]
    reason = str(told.get("reason") or "") if told else ""
    look = resource.kubectl("get", namespace, name) + " -o yaml" if name else resource.kubectl("get", namespace)
    asked = f"{verb} {what}"
    if status == 404 and message == "404 page not found":  # what it says of groups that it does not have
        return kind_not_served(resource.api_version, resource.kind)
    if told is None and status not in (401, 403):
        return FateProxyError(
            f"{asked}: something that is no API server answers with HTTP {status}: {message}",
            status=status,
            excerpt=message,
            hint="Check the server in the kubeconfig of the connection: kubectl cluster-info",
        )
    if webhook := _WEBHOOK.search(message):  # which may choose any status
        return _denied(webhook, what)
    match status:
        case 401:
            return FateAuthError(
                f"{asked}: the API server does not know the caller: {message}",
                hint="The token or certificate of the connection is wrong or has expired: kubectl auth whoami",
            )
        case 403:
            return _forbidden(message, asked, verb, resource, namespace)
        case 404:
            return _not_found(message, told or {}, what, resource, namespace, look)
        case 409:
            return _conflict(message, reason, told or {}, what, look)
        case 410:
            return Expired(f"{asked}: {message}")
        case 429 | 500 | 502 | 503 | 504:
            return _unwell(status, message, asked, resource)
    if status in (400, 405, 406, 415, 422):
        return FateInputError(f"{what} is not accepted: {message}", hint=_may_stand(resource))
    return FateServerError(f"{asked}: HTTP {status}: {message}", hint=f"Look further: {look}")


def _forbidden(message: str, asked: str, verb: str, resource: Resource, namespace: str | None) -> FateError:
    where = f" --namespace {namespace}" if namespace else ""
    if found := _QUOTA.search(message):
        quota = found["name"] or found["unknown"]
        return FateQuotaExceeded(
            f"{asked}: {message}", hint=f"What is used: kubectl describe resourcequota {quota}{where}"
        )
    if _LIMIT.search(message):
        return FateQuotaExceeded(f"{asked}: {message}", hint=f"What is allowed: kubectl describe limitrange{where}")
    if "because it is being terminated" in message:
        return FateConflictError(
            f"{asked}: {message}", hint=f"Wait for the end of the namespace: kubectl get namespace {namespace}"
        )
    return FatePermissionError(
        f"{asked}: {message}",
        hint=f"The connection's user needs a role: kubectl auth can-i {verb} {resource.full_name}{where}",
    )


def _not_found(
    message: str, told: Mapping[str, Any], what: str, resource: Resource, namespace: str | None, look: str
) -> FateError:
    details = told.get("details") or {}
    if details.get("kind") == "namespaces" or re.search(r'namespaces "[^"]*" not found', message):
        return FateNamespaceNotFound(
            f"{what}: namespace {namespace!r} does not exist.", hint=f"Make it: kubectl create namespace {namespace}"
        )
    if "could not find the requested resource" in message:
        return kind_not_served(resource.api_version, resource.kind)
    return FateNotFoundError(f"{what} does not exist.", hint=f"Look further: {look}")


def kind_not_served(api_version: str, kind: str) -> FateKindNotServed:
    """The server has no such kind."""
    group = api_version.rpartition("/")[0]
    look = f"kubectl api-resources --api-group={group}" if group else "kubectl api-resources"
    return FateKindNotServed(
        f"This Kubernetes does not serve {api_version} {kind}.",
        hint=f"Install the operator that brings its custom resource definition. What there is: {look}",
    )


def _conflict(message: str, reason: str, told: Mapping[str, Any], what: str, look: str) -> FateError:
    causes = [cause for cause in (told.get("details") or {}).get("causes") or () if isinstance(cause, Mapping)]
    fields = {str(c.get("field")): str(c.get("message")) for c in causes if c.get("reason") == "FieldManagerConflict"}
    if fields or "Apply failed with" in message:
        said = [f"{field} ({_manager(words)})" for field, words in fields.items()]
        return FateFieldConflict(
            f"{what}: others have set fields that would change: {', '.join(said) or message}",
            hint="Leave them out, or take them over with force_conflicts=True. "
            f"Who has set what: {look} --show-managed-fields",
            fields={field: _manager(words) for field, words in fields.items()},
        )
    return FateConflictError(f"{what}: {message}", hint=f"Look further: {look}" if reason else None)


def _manager(words: str) -> str:
    found = _CONFLICT.search(words)
    return found["manager"] if found else words


def _denied(webhook: re.Match[str], what: str) -> FateAdmissionRefused:
    name, why = webhook["name"], webhook["why"] or "it does not say why"
    return FateAdmissionRefused(
        f"{what} is refused by the admission webhook {name}: {why}",
        hint=f"Whose it is: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations | grep {name}",
        webhook=name,
    )


def _may_stand(resource: Resource) -> str:
    return f"What may stand there: kubectl explain {resource.plural} --recursive"


def _unwell(status: int, message: str, asked: str, resource: Resource) -> FateError:
    if "failed to create typed" in message:  # how a server-side apply says that a field has the wrong type
        return FateInputError(f"{asked}: {message}", hint=_may_stand(resource))
    if found := _UNCALLED.search(message):
        return FateServerError(
            f"{asked}: {message}",
            hint=f"The service behind the webhook {found['name']} does not answer: kubectl get "
            "validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml",
        )
    return FateProxyError(
        f"{asked}: the API server is not well (HTTP {status}): {message}",
        status=status,
        excerpt=message,
        hint="How it is: kubectl get --raw /readyz?verbose",
    )


def lost(error: BaseException, *, asked: str) -> FateError:
    """Make an error of an exception below HTTP."""
    import aiohttp

    words = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return FateTlsError(
            f"{asked}: {words}", hint="Check certificate-authority in the kubeconfig of the connection.", sent=False
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        return FateUnreachable(f"{asked}: the API server is not reached: {words}", sent=False)
    if isinstance(error, asyncio.TimeoutError):
        return FateTimeout(f"{asked}: no answer of the API server in time")
    return FateUnreachable(f"{asked}: the answer of the API server was lost: {words}")
