"""Where a participant stands, in words that do not depend on what it is; and whether FedLCM still works on it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_fate.clients.fedlcm import EventLog, FateParticipant, LcmEvent, OpenflParticipant

__all__ = ["LOST", "Phase", "fit_to_show", "is_lost", "phase_of", "reason_of", "status_word"]

LOST = "FedLCM does not go on with it any more"

SILENCE = 90 * 60.0
"""Seconds without an event after which nobody works on a participant any more: KubeFATE gives up after an hour, and
FedLCM waits for it without a limit."""
GRACE = 30.0
"""Seconds for which a restart of FedLCM is not believed: a new order writes its first event at once."""

_SHOWN = 600


class Phase(Enum):
    """What it comes down to."""

    BUSY = "busy"
    ACTIVE = "active"
    REMOVING = "removing"
    FAILED = "failed"


def phase_of(one: FateParticipant | OpenflParticipant) -> Phase:
    """Return what a status comes down to; one that is not known may change yet."""
    return {"ACTIVE": Phase.ACTIVE, "REMOVING": Phase.REMOVING, "FAILED": Phase.FAILED}.get(one.status.name, Phase.BUSY)


def status_word(one: FateParticipant | OpenflParticipant) -> str:
    """Return the status as FedLCM's pages have it."""
    return one.status.name.replace("_", " ").capitalize()


def is_lost(one: FateParticipant | OpenflParticipant, log: EventLog, restarted: datetime | None) -> bool:
    """Return whether what goes on was lost with a restart of FedLCM, which resumes nothing.

    :param restarted: when a restart was noticed. One whose key of tokens is configured is not noticed; then silence
        tells, much later.
    """
    last = log.events[-1].created if log.events else one.created
    if last is None or log.asked is None:
        return False
    silence = (log.asked - last).total_seconds()
    return silence > SILENCE or (restarted is not None and restarted > last and silence > GRACE)


def reason_of(events: Sequence[LcmEvent]) -> str:
    """Return the words of the last error; empty: there is none."""
    return next((event.words for event in reversed(events) if event.is_error), "")


def fit_to_show(words: str, secrets: Sequence[str] | None) -> str:
    """Return the words of an event without passwords, and without most of the dump of KubeFATE's job in it.

    :param secrets: what it may quote; ``None``: that is not known any more, so the dump is left out as a whole.
    """
    from airflow_provider_fate.clusters.secrets import masked

    if secrets is None:
        words = words.partition(", job info:")[0]
    words = masked(words, secrets or ())
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}..."
