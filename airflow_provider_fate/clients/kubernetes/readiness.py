"""What an object says about itself: not ready yet, ready, or failed; a judge for each kind says which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from airflow_provider_fate.clients.kubernetes.objects import Json, meta

__all__ = ["Judge", "Judgement", "Readiness", "by_condition", "condition", "failed", "is_seen", "ready", "waiting"]


class Readiness(StrEnum):
    """Where an object stands."""

    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class Judgement:
    """What a judge makes of an object.

    :param reason: in words of the object: a state, a condition's message.
    :param found: what a ready object gives back, as JSON: addresses, say.
    """

    readiness: Readiness
    reason: str = ""
    found: Mapping[str, Any] | None = None


Judge: TypeAlias = Callable[[Json], Judgement]
"""Takes an object whose status is about its present spec, as far as the controller says."""


def waiting(reason: str = "") -> Judgement:
    """It is not ready yet."""
    return Judgement(Readiness.WAITING, reason)


def ready(reason: str = "", **found: Any) -> Judgement:
    """It is ready."""
    return Judgement(Readiness.READY, reason, found)


def failed(reason: str) -> Judgement:
    """It has failed, and will not become ready by itself."""
    return Judgement(Readiness.FAILED, reason)


def condition(body: Json, kind: str) -> Json | None:
    """One condition of an object's status.

    :param kind: its type.
    """
    status = body.get("status")
    conditions = status.get("conditions") if isinstance(status, Mapping) else None
    for one in conditions or ():
        if isinstance(one, Mapping) and one.get("type") == kind:
            return one
    return None


def by_condition(body: Json, kind: str = "Ready", *, fatal: Iterable[str] = ()) -> Judgement:
    """Judge by a condition that is ``True`` when the object is ready.

    :param kind: its type.
    :param fatal: reasons of it that mean that the object has failed.
    """
    found = condition(body, kind)
    if found is None:
        return waiting(f"no condition {kind} yet")
    words = ": ".join(str(found[part]) for part in ("reason", "message") if found.get(part))
    if found.get("status") == "True":
        return ready(words or kind)
    if found.get("reason") in set(fatal):
        return failed(words)
    return waiting(words or f"{kind} is {found.get('status')}")


def is_seen(body: Json) -> bool:
    """Whether the status is about the present spec, as far as the controller tells."""
    status = body.get("status")
    seen = status.get("observedGeneration") if isinstance(status, Mapping) else None
    generation = meta(body).get("generation")
    return not (isinstance(seen, int) and isinstance(generation, int) and seen < generation)
