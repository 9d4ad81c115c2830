"""Checks of who takes part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from airflow_provider_fate.jobs.problems import Problem, did_you_mean
from airflow_provider_fate.jobs.validation.job import Job, mapping, read_parties

__all__ = ["check_parties"]

_ROLES = ("guest", "host", "arbiter", "local")


def check_parties(job: Job, own: str | None) -> Iterator[Problem]:
    """Yield what is wrong with the parties of the job, and with those that tasks and party_tasks name."""
    yield from _check_list(job)
    roles = {role for role, _ in job.parties}
    if job.parties and not roles & {"guest", "local"}:
        yield Problem(
            "parties", sorted(roles), "no guest takes part, and the guest is who starts a job", "Add the guest's party."
        )
    for (role, party_id), times in Counter(job.parties).items():
        if times > 1:
            yield Problem(f"parties.{role}", party_id, f"is listed {times} times", "List each party once per role.")
    if (
        own is not None
        and job.parties
        and "local" not in roles
        and own not in {party_id for _, party_id in job.parties}
    ):
        named = ", ".join(f"{role} {party_id}" for role, party_id in job.parties)
        yield Problem(
            "parties",
            named,
            f"the connection is to party {own}, which does not take part",
            "Submit the job with the connection of the guest, or correct the party id of the connection or of the job.",
        )
    for key, parties, entry in job.party_tasks():
        yield from _strangers(job, f"party_tasks.{key}.parties", parties)
        for name in mapping(entry.get("tasks")):
            if name not in job.tasks:
                yield Problem(
                    f"party_tasks.{key}.tasks.{name}",
                    name,
                    "there is no such task",
                    did_you_mean(str(name), job.tasks, otherwise=f"Tasks: {', '.join(job.tasks)}."),
                )
    for task in job.tasks.values():
        yield from _strangers(job, f"{task.path}.parties", read_parties(task.spec.get("parties")))


def _check_list(job: Job) -> Iterator[Problem]:
    listed = job.dag.get("parties")
    example = "Write [{'role': 'guest', 'party_id': ['9999']}, {'role': 'host', 'party_id': ['10000']}]."
    if not isinstance(listed, list) or not listed:
        yield Problem("parties", listed, "nobody takes part", example)
        return
    for position, entry in enumerate(listed):
        role, ids = mapping(entry).get("role"), mapping(entry).get("party_id")
        if role not in _ROLES:
            fix = did_you_mean(str(role), _ROLES, otherwise=f"One of: {', '.join(_ROLES)}.")
            yield Problem(f"parties.{position}.role", role, "there is no such role", fix)
        if not isinstance(ids, list) or not ids:
            yield Problem(
                f"parties.{position}.party_id", ids, f"the role {role} has no party", "Name one, or drop the role."
            )
            continue
        for party_id in ids:
            if not isinstance(party_id, str) or not party_id.strip():
                yield Problem(
                    f"parties.{position}.party_id", party_id, "is not a party id", "Write text, such as '9999'."
                )


def _strangers(job: Job, field: str, parties: list[tuple[str, str]]) -> Iterator[Problem]:
    for role, party_id in parties:
        if (role, party_id) not in job.parties:
            known = ", ".join(f"{role} {party_id}" for role, party_id in job.parties)
            yield Problem(
                field, f"{role} {party_id}", "this party is not in the job", f"Add it to 'parties', which has: {known}."
            )
