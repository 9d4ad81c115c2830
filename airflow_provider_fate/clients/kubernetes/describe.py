"""Why an object does not get on: its conditions, events, its pods, and the last lines of what fails in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from airflow_provider_fate.clients.kubernetes.client import AsyncKubernetesClient
from airflow_provider_fate.clients.kubernetes.objects import EVENTS, PODS, Json, Resource, meta, name_of
from airflow_provider_fate.clients.kubernetes.pods import Trouble, troubles
from airflow_provider_fate.errors import FateError

__all__ = ["Description", "describe"]

PODS_SHOWN = 3
EVENTS_SHOWN = 5
LOG_LINES = 15


@dataclass
class Description:
    """What there is to tell.

    :param reasons: one sentence each, the most telling first.
    :param lines: the same with events and logs, for a task's log.
    """

    reasons: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


async def describe(
    client: AsyncKubernetesClient, resource: Resource, namespace: str | None, body: Json | None, pods: str
) -> Description:
    """Ask for all that tells why; what may not be read is said, and left out.

    :param body: the object; ``None``: it is gone.
    :param pods: label selector of its pods; empty: it has none.
    """
    told = Description()
    if body is not None:
        told.lines += [f"condition {line}" for line in _conditions(body)]
        told.lines += await _events(client, namespace, body)
    if pods and namespace:
        await _pods(client, namespace, pods, told)
    if body is not None:
        told.reasons += _conditions(body)
    return told


def _conditions(body: Json) -> list[str]:
    status = body.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    return [
        f"{one.get('type')} is {one.get('status')}: {one.get('reason') or ''}: {one.get('message') or ''}".rstrip(": ")
        for one in conditions or ()
        if isinstance(one, dict) and one.get("status") != "True" and (one.get("reason") or one.get("message"))
    ]


async def _events(client: AsyncKubernetesClient, namespace: str | None, body: Json) -> list[str]:
    """Warnings about an object, newest last."""
    try:
        found, _ = await client.objects(
            EVENTS, namespace or "default", fields=f"involvedObject.uid={meta(body).get('uid')}", limit=200
        )
    except FateError as e:
        return [f"events cannot be read: {e.message}"]
    bad = sorted((one for one in found if one.get("type") == "Warning"), key=_when)
    return [f"event of {body.get('kind')} {name_of(body)}: {one.get('reason')}: {one.get('message')}" for one in bad][
        -EVENTS_SHOWN:
    ]


def _when(event: Json) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or meta(event).get("creationTimestamp") or "")


async def _pods(client: AsyncKubernetesClient, namespace: str, selector: str, told: Description) -> None:
    try:
        found, _ = await client.objects(PODS, namespace, labels=selector)
    except FateError as e:
        told.lines.append(f"pods cannot be read: {e.message}")
        return
    if not found:
        told.lines.append(f"there is no pod: kubectl get pods --selector {selector} --namespace {namespace}")
    bad = [(pod, trouble) for pod in found for trouble in troubles(pod)]
    for pod, trouble in _first_of_each(bad)[:PODS_SHOWN]:
        told.reasons.append(str(trouble))
        told.lines.append(str(trouble))
        told.lines += await _events(client, namespace, {"kind": "Pod"} | dict(pod))
        told.lines += await _log(client, namespace, trouble)


def _first_of_each(bad: Iterable[tuple[Json, Trouble]]) -> list[tuple[Json, Trouble]]:
    """One of all pods with the same trouble."""
    return list({(trouble.container, trouble.words): (pod, trouble) for pod, trouble in reversed(list(bad))}.values())


async def _log(client: AsyncKubernetesClient, namespace: str, trouble: Trouble) -> list[str]:
    if not trouble.container or "pulled" in trouble.words or "started" in trouble.words:
        return []  # it has never run
    try:
        lines = await client.log(namespace, trouble.pod, trouble.container, lines=LOG_LINES, previous=trouble.previous)
    except FateError as e:
        return [f"log of {trouble.place} cannot be read: {e.message}"]
    return [f"log of {trouble.place}: {line}" for line in lines]
