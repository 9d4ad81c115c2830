"""Who has asked for something, written into its description: for services that keep a text for people, and no more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_fate.clusters.mark import Mark

if TYPE_CHECKING:
    from airflow_provider_fate.remote.identity import WorkIdentity

__all__ = ["described", "mark_of"]

_MARK = re.compile(r"\[airflow ([0-9a-f]{8,64})\.(\d+)\]\s*$")


def described(text: str, identity: WorkIdentity) -> str:
    """Return a description with the mark at its end. The mark is a digest, and names neither DAG nor Airflow."""
    mark = f"[airflow {identity.key}.{identity.epoch}]"
    return f"{text.rstrip()} {mark}".lstrip()


def mark_of(description: str) -> Mark | None:
    """Return the mark in a description; ``None``: somebody else has written it."""
    found = _MARK.search(description)
    return Mark(found[1], int(found[2])) if found else None
