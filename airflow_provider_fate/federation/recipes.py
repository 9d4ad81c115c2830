"""From a job of the file to a recipe, with the ids and tables that are agreed upon."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from airflow_provider_fate.federation.agreement import Agreement, FederationJob, JobSide
from airflow_provider_fate.jobs.problems import Problem, did_you_mean, invalid_job
from airflow_provider_fate.jobs.recipes import Party, Recipe

__all__ = ["recipe_of"]

_AGREED = ("recipe", "guest", "hosts", "arbiter")


def recipe_of(agreement: Agreement, job: FederationJob, day: date | None, changes: Mapping[str, Any]) -> Recipe:
    """Make the recipe.

    :param day: date of the tables; ``None``: the day of the Airflow run, as templates.
    :param changes: parameters that take the place of those in the file.
    :raises FateInvalidJobError: a party or table is not in the file, or the recipe refuses a value.
    """
    if settled := sorted(set(changes) & set(_AGREED)):
        raise invalid_job(
            [
                Problem(name, changes[name], "this is agreed upon in the file", "Change the file, on both sides.")
                for name in settled
            ]
        )
    sides, problems = _sides(agreement, job)
    fields: dict[str, Any] = {"recipe": job.recipe, **(job.model_extra or {}), **changes}
    if arbiter := _arbiter(agreement, job, problems):
        fields["arbiter"] = arbiter
    if problems:
        raise invalid_job(problems)
    parties = [_party(agreement, side, day) for side in sides]
    return Recipe.from_mapping({**fields, "guest": parties[0], "hosts": parties[1:]})


def _sides(agreement: Agreement, job: FederationJob) -> tuple[list[JobSide], list[Problem]]:
    """What the guest and the hosts bring, and what is wrong with that."""
    guest = agreement.with_role("guest")[0]
    problems: list[Problem] = []
    sides: list[JobSide] = []
    given: list[tuple[str, str, JobSide | None]] = [("guest", guest, job.guest)]
    if job.hosts is None:
        given += [("hosts", host, None) for host in agreement.with_role("host")]
    else:
        given += [(f"hosts.{number}", "", side) for number, side in enumerate(job.hosts)]
    for field, party, side in given:
        if side is None:
            tables = list(agreement.tables_of(party))
            if len(tables) == 1:
                sides.append(JobSide(table=tables[0]))
            else:
                which = f"party {party} has {len(tables)} tables ({', '.join(tables)})"
                problems.append(Problem(field, None, which, "Say which of them the job reads."))
            continue
        found = list(_wrong(agreement, field, side))
        problems += found
        if not found:
            sides.append(side)
    return sides, problems


def _wrong(agreement: Agreement, field: str, side: JobSide) -> list[Problem]:
    role = field.rstrip("s.0123456789")
    problems = []
    owners = set()
    for name, key in (("table", side.table), ("holdout_table", side.holdout_table)):
        if key is None:
            continue
        if key not in agreement.tables:
            fix = did_you_mean(key, agreement.tables, otherwise=f"There is {', '.join(agreement.tables)}.")
            problems.append(Problem(f"{field}.{name}", key, "there is no such table in the file", fix))
            continue
        owner = agreement.tables[key].party
        owners.add(owner)
        if owner not in agreement.with_role(role):
            problems.append(
                Problem(f"{field}.{name}", key, f"it belongs to {owner}, which is no {role}", f"Name a {role}'s table.")
            )
    if len(owners) > 1:
        problems.append(
            Problem(
                f"{field}.holdout_table", side.holdout_table, "it is another party's", "Name one of the same party."
            )
        )
    return problems


def _arbiter(agreement: Agreement, job: FederationJob, problems: list[Problem]) -> str | None:
    """Party id of the arbiter, where the recipe takes one."""
    kind = Recipe.kinds().get(job.recipe)
    arbiters = agreement.with_role("arbiter")
    if job.arbiter is not None and job.arbiter not in arbiters:
        listed = ", ".join(arbiters) or "none: give a party 'role: [host, arbiter]'"
        problems.append(Problem("arbiter", job.arbiter, "this party is no arbiter", f"There is {listed}."))
        return None
    if job.arbiter is None and (kind is None or "arbiter" not in kind.model_fields or len(arbiters) != 1):
        return None
    return agreement.parties[job.arbiter or arbiters[0]].party_id


def _party(agreement: Agreement, side: JobSide, day: date | None) -> Party:
    def name(key: str) -> str:
        dated = agreement.tables[key].dated_name
        return dated.template if day is None else str(dated.on(day))

    owner = agreement.parties[agreement.tables[side.table].party]
    return Party(owner.party_id, name(side.table), name(side.holdout_table) if side.holdout_table else None)
