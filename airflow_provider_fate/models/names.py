"""Which names of files and ids may stand in a model."""

from __future__ import annotations

import re

__all__ = ["wrong_id", "wrong_path"]

_SEGMENT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,199}")
_DEEP = 8
"""Folders in each other; FATE makes one or two."""


def wrong_path(name: str) -> str | None:
    """What is wrong with the path of a file within a model; ``None``: nothing."""
    segments = name.split("/")
    if len(segments) > _DEEP or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        return "is not the name of a file of a model: letters, digits, '_', '.' and '-' in at most 8 parts"
    return None


def wrong_id(text: str) -> str | None:
    """What is wrong with the name of a task, component, output, role or party; ``None``: nothing."""
    return None if _SEGMENT.fullmatch(text) else "is not an id of FATE: letters, digits, '_', '.' and '-'"
