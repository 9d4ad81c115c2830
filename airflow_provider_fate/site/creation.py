"""Why a job was not created on all its parties, as the scheduler's log tells afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from airflow_provider_fate.clients.fate_flow.envelope import parties_of

__all__ = ["who_did_not_agree"]


def who_did_not_agree(schedule_errors: Iterable[str]) -> Mapping[tuple[str, str], tuple[int, str]]:
    """Code and text by ``(role, party id)`` of those who did not take the job; empty where it was created.

    :param schedule_errors: lines of the scheduler's error log.
    """
    for line in schedule_errors:
        if answers := parties_of(line):
            return {party: answer for party, answer in answers.items() if answer[0] != 0}
    return {}
