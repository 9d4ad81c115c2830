"""Passwords in a cluster.yaml, so that they are shown nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["masked", "secret_values"]

_KEY = re.compile(r"pass|token|hashed|credential|private|apikey|api_key|access_key|secret_key", re.I)
_WELL_KNOWN = frozenset({"admin", "fate", "fate_dev", "standalone"})
"""What the charts set themselves: masking the word would make messages unreadable."""
_SHORTEST = 4


def secret_values(values: Mapping[str, Any]) -> list[str]:
    """Return the passwords in a document, longest first."""
    found = {text for text in _found(values, secret=False) if len(text) >= _SHORTEST and text not in _WELL_KNOWN}
    return sorted(found, key=len, reverse=True)


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return a text without them."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _found(value: Any, *, secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _found(inner, secret=secret or bool(_KEY.search(str(key))))
    elif isinstance(value, list):
        for inner in value:
            yield from _found(inner, secret=secret)
    elif secret and isinstance(value, (str, int)) and not isinstance(value, bool):
        yield str(value)
