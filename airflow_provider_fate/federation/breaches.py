"""Where a job goes beyond what is agreed upon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime

from airflow_provider_fate.federation.agreement import Agreement, FederationTable
from airflow_provider_fate.jobs.problems import Problem, did_you_mean
from airflow_provider_fate.jobs.validation.job import Job, Task, mapping, read_parties

__all__ = ["breaches"]

PartyKey = tuple[str, str]


def breaches(
    agreement: Agreement, document: Mapping[str, object], day: date | None, now: datetime | None
) -> list[Problem]:
    """Return what a job does that is not agreed upon.

    :param document: the job, ``{"dag": ...}``.
    :param day: the date whose tables it must read; ``None``: of any date.
    :param now: when it is to start; ``None``: windows are not looked at.
    """
    job = Job(document)
    found = [*_parties(agreement, job), *_components(agreement, job)]
    days = set()
    for field, party, table in _reads(job):
        known = _tables_at(agreement, party)
        fitting = [one for one in known if one.dated_name.fits(table)]
        if not fitting:
            listed = ", ".join(str(one.dated_name) for one in known) or "none"
            found.append(
                Problem(
                    field, table, f"this table of {party[0]} {party[1]} is not agreed upon", f"The file has {listed}."
                )
            )
            continue
        own_day = fitting[0].dated_name.day_of(table)
        wanted = [str(one.dated_name.on(day)) for one in fitting] if day is not None else [table]
        if table not in wanted:
            found.append(Problem(field, table, f"this is not the table of {day}", f"Read {' or '.join(wanted)}."))
        elif own_day is not None:
            days.add(own_day)
    if now is not None and (reason := agreement.calendar.why_not(day or max(days, default=None), now)):
        found.append(Problem("windows", None, reason, "Run the job then, or agree upon another window."))
    return found


def _parties(agreement: Agreement, job: Job) -> Iterator[Problem]:
    by_id = {party.party_id: (key, party) for key, party in agreement.parties.items()}
    for role, party_id in job.parties:
        if party_id not in by_id:
            known = ", ".join(f"{one} ({key})" for one, (key, _) in by_id.items())
            yield Problem("parties", f"{role} {party_id}", "this party is not in the file", f"There is {known}.")
        elif role not in by_id[party_id][1].role:
            key, party = by_id[party_id]
            roles = " and ".join(party.role)
            yield Problem("parties", f"{role} {party_id}", f"{key} takes part as {roles} only", "Change its role.")


def _components(agreement: Agreement, job: Job) -> Iterator[Problem]:
    for task in job.tasks.values():
        if str(task.component_ref).lower() not in agreement.components:  # FATE does not mind the case
            listed = ", ".join(agreement.components)
            fix = did_you_mean(str(task.component_ref), agreement.components, otherwise=f"Allowed are {listed}.")
            yield Problem(f"{task.path}.component_ref", task.component_ref, "this component is not agreed upon", fix)


def _tables_at(agreement: Agreement, party: PartyKey) -> list[FederationTable]:
    return [one for one in agreement.tables.values() if agreement.parties[one.party].party_id == party[1]]


def _reads(job: Job) -> Iterator[tuple[str, PartyKey, str]]:
    """Field, party and table of all that a job reads from the sites' stores."""
    for task in job.tasks.values():
        if str(task.component_ref).lower() == "reader":
            for party in task.parties:
                parameters = job.parameters(task, party)
                yield f"{task.path} of {party[0]} {party[1]}", party, _name(parameters)
        yield from _warehouse(task, task.parties)
    for key, parties, entry in job.party_tasks():
        for name, spec in mapping(entry.get("tasks")).items():
            inner = Task(str(name), mapping(spec), job)
            for field, party, table in _warehouse(inner, parties):
                yield f"party_tasks.{key}.{field}", party, table


def _warehouse(task: Task, parties: list[PartyKey]) -> Iterator[tuple[str, PartyKey, str]]:
    """Tables that a task takes without a reader."""
    for channel in task.channels:
        if channel.source == "data_warehouse" and channel.spec.get("name") is not None:
            for party in read_parties(channel.spec.get("parties")) or parties:
                yield channel.path, party, _name(channel.spec)


def _name(parameters: Mapping[str, object]) -> str:
    return f"{parameters.get('namespace')}.{parameters.get('name')}"
