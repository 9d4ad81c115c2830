"""Whether the parts of a file go together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from airflow_provider_fate.errors import FateInputError, FateInvalidJobError
from airflow_provider_fate.federation.agreement import Agreement, FederationTable
from airflow_provider_fate.federation.breaches import breaches
from airflow_provider_fate.federation.recipes import recipe_of
from airflow_provider_fate.jobs.catalogue import known_components
from airflow_provider_fate.jobs.problems import Problem, did_you_mean
from airflow_provider_fate.jobs.recipes.templates import find_templates

__all__ = ["contradictions"]

_ANY_DAY = date(2026, 1, 31)


def contradictions(agreement: Agreement) -> Iterator[Problem]:
    """Yield what cannot be as the file says it, although each part by itself could."""
    found = [*_parties(agreement), *_tables(agreement)]
    yield from found
    yield from _components(agreement)
    yield from _salt(agreement)
    yield from _windows(agreement)
    if not found:  # jobs are made of parties and tables
        for key in agreement.jobs:
            yield from _job(agreement, key)


def _parties(agreement: Agreement) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for key, party in agreement.parties.items():
        if party.party_id in seen:
            reason = f"this is the id of {seen[party.party_id]}, too"
            yield Problem(f"parties.{key}.party_id", party.party_id, reason, "Give each party its own.")
        seen.setdefault(party.party_id, key)
        if {"guest", "host"} <= set(party.role):
            reason = "no party is guest and host of one federation"
            yield Problem(f"parties.{key}.role", list(party.role), reason, "Write one of them.")
    if len(guests := agreement.with_role("guest")) != 1:
        yield Problem("parties", guests or None, "there is exactly one guest", "Give one party 'role: guest'.")
    if not agreement.with_role("host"):
        yield Problem("parties", list(agreement.parties), "there is no host", "Give a party 'role: host'.")


def _tables(agreement: Agreement) -> Iterator[Problem]:
    for key, table in agreement.tables.items():
        if table.party not in agreement.parties:
            fix = did_you_mean(table.party, agreement.parties, otherwise=f"There is {', '.join(agreement.parties)}.")
            yield Problem(f"tables.{key}.party", table.party, "there is no such party in the file", fix)
    names: dict[tuple[str, str], str] = {}
    for key, table in agreement.tables.items():
        name = (table.party, str(table.dated_name.on(_ANY_DAY)))
        if name in names:
            yield Problem(f"tables.{key}.name", table.name, f"{names[name]} is called so, too", "Name it differently.")
        names.setdefault(name, key)
        yield from _columns(key, table)
    for key, party in agreement.parties.items():
        if set(party.role) != {"arbiter"} and not agreement.tables_of(key):
            reason = f"{key} takes part as {party.role[0]} and brings no table"
            yield Problem("tables", list(agreement.tables), reason, f"Add one with 'party: {key}'.")


def _columns(key: str, table: FederationTable) -> Iterator[Problem]:
    special = {"match_id": table.match_id, "label": table.label, "weight": table.weight}
    features = {column.name for column in table.columns}
    for field, column in special.items():
        if column is not None and column.name in features:
            reason = f"{field} is called so, too"
            yield Problem(f"tables.{key}.columns", column.name, reason, "Name the features only.")


def _components(agreement: Agreement) -> Iterator[Problem]:
    known: Mapping[str, object] = known_components()
    for number, name in enumerate(agreement.components):
        if name not in known:
            fix = did_you_mean(name, known, otherwise=f"There is {', '.join(sorted(known))}.")
            yield Problem(f"components.{number}", name, "FATE 2.2 has no such component", fix)
        elif name in agreement.components[:number]:
            yield Problem(f"components.{number}", name, "it is named twice", "Name it once.")


def _salt(agreement: Agreement) -> Iterator[Problem]:
    salt = agreement.ids.salt
    if salt is None or isinstance(salt.conn_id, str):
        return
    field = "ids.salt.conn_id"
    for key in salt.conn_id:
        if key not in agreement.parties:
            fix = did_you_mean(key, agreement.parties, otherwise=f"There is {', '.join(agreement.parties)}.")
            yield Problem(f"{field}.{key}", None, "there is no such party in the file", fix)
    for key in dict.fromkeys(table.party for table in agreement.tables.values()):
        if key in agreement.parties and key not in salt.conn_id:
            reason = f"ids are hashed, and {key}, which brings a table, names no connection with the salt"
            yield Problem(field, None, reason, f"Add '{key}: name_of_the_connection'.")


def _windows(agreement: Agreement) -> Iterator[Problem]:
    if not agreement.calendar.can_meet():
        yield Problem(
            "windows.run",
            None,
            "the guest's window for the tables of a date is over whenever the hosts begin to publish them",
            "Open it later (from, until, day, weekdays), or for more days (for_days).",
        )


def _job(agreement: Agreement, key: str) -> Iterator[Problem]:
    try:
        recipe = recipe_of(agreement, agreement.jobs[key], _ANY_DAY, {})
        if any(find_templates(recipe.model_dump())):
            return  # the rest is checked when Airflow has rendered it
        found = breaches(agreement, recipe.dag(), _ANY_DAY, None)
    except FateInvalidJobError as error:
        found = [one for one in error.problems if isinstance(one, Problem)]
        if not found:
            yield Problem(f"jobs.{key}", None, error.message, error.hint or "")
    except FateInputError as error:
        yield Problem(f"jobs.{key}", None, error.message, error.hint or "")
        return
    for one in found:
        yield Problem(f"jobs.{key}.{one.field}", one.value, one.reason, one.fix)
