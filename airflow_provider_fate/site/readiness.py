"""Whether a partner may only not be ready yet: its site is away, it has granted nothing, or its table has not come."""

from __future__ import annotations

import re

from airflow_provider_fate.clients.fate_flow.envelope import NO_PERMISSION
from airflow_provider_fate.clients.fate_flow.partner_words import NOT_REACHED, of_partners
from airflow_provider_fate.errors import FateCreateJobError, FateError, FateJobFailed
from airflow_provider_fate.site.diagnosis import Diagnosis

__all__ = ["who_is_not_ready"]

_NEVER = re.compile(r"no route|404: Not Found|404 Client Error|No found appid|varify failed")
"""A party id that leads nowhere, and a party that does not know this site, are mistakes: no wait mends them."""


def who_is_not_ready(error: FateError) -> str:
    """Say which partners are waited for, and what is the matter; empty where a wait would not help.

    :param error: why there is no job, or why it has failed.
    """
    if isinstance(error, FateCreateJobError) and error.codes:
        answers = {party: (code, error.parties.get(party, "")) for party, code in error.codes.items()}
        waits = all(code in (NOT_REACHED, NO_PERMISSION) and not _NEVER.search(text) for code, text in answers.values())
        return of_partners(answers) if waits else ""
    if isinstance(error, FateJobFailed) and isinstance(error.diagnosis, Diagnosis):
        found = error.diagnosis
        if found.elsewhere is not None and found.elsewhere_reads:
            party = f"{found.elsewhere.role} {found.elsewhere.party_id}"
            return f"{party} could not read its table: most likely it is not there yet ({found.elsewhere.task} failed)"
    return ""
