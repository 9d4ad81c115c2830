"""What FATE-Flow says of a partner that did not take part, in one sentence that a person can act on."""

from __future__ import annotations

import re
from collections.abc import Mapping

from airflow_provider_fate.clients.http.envelope import shortened
from airflow_provider_fate.errors import FEDERATED_ERROR

__all__ = ["NOT_REACHED", "of_partners"]

NOT_REACHED = FEDERATED_ERROR
"""The code that FATE-Flow gives for a party whose answer it did not get."""

_WORDS: tuple[tuple[str, str], ...] = (
    (r"No found appid", "does not know this site: app ids were not exchanged"),
    (
        r"no route|404: Not Found|404 Client Error",
        "is not known to the broker or proxy between the sites: no route to it",
    ),
    (r"DEADLINE_EXCEEDED|[Dd]eadline [Ee]xceeded|[Tt]imed out", "did not answer in time"),
    (r"refused|UNAVAILABLE|Bad Gateway|502|503", "cannot be reached: its FATE-Flow, or what stands before it, is down"),
    (r"expired", "refuses the signature as too old: the clocks of the two sites differ by more than 60 s"),
    (r"varify failed", "refuses the signature: the exchanged app token is not the one that it knows"),
)


def of_partners(answers: Mapping[tuple[str, str], tuple[int, str]]) -> str:
    """Say what each party answered that did not agree.

    :param answers: code and text by ``(role, party id)``.
    """
    return "; ".join(f"{role} {party_id} {_words(*answer)}" for (role, party_id), answer in answers.items())


def _words(code: int, text: str) -> str:
    for pattern, words in _WORDS:
        if re.search(pattern, text):
            return f"{words} ({shortened(text)})"
    return f"refuses: {shortened(text) or f'code {code}'}"
