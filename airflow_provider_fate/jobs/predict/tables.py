"""Which table each party brings to a predict job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pydantic import TypeAdapter, ValidationError

from airflow_provider_fate.data.table import TableName
from airflow_provider_fate.jobs.problems import Problem, did_you_mean
from airflow_provider_fate.jobs.recipes.party import Table

__all__ = ["Tables", "assign_tables"]

Tables: TypeAlias = Mapping[str, Any]
"""Tables by party id, or by ``guest`` and ``host``; a list under ``host`` goes with the hosts in the job's order.

A table is ``"namespace.name"``, or what an upload gives back.
"""

PartyKey = tuple[str, str]
_TABLE: TypeAdapter[str] = TypeAdapter(Table)
_ROLES = {"guest": "guest", "host": "host", "hosts": "host"}


def assign_tables(readers: Sequence[PartyKey], tables: Tables) -> tuple[dict[PartyKey, TableName], list[Problem]]:
    """Give each party that reads its table.

    :param readers: role and id of the parties that read, in the job's order.
    :param tables: what was given.
    :returns: the tables, and what is wrong: a party without one, or a table without a party.
    """
    found: dict[PartyKey, TableName] = {}
    problems: list[Problem] = []
    for key, value in tables.items():
        for field, party, table in _places(str(key), value, readers, problems):
            if (name := _name(field, table, problems)) is not None:
                if party in found and found[party] != name:
                    other = f"{party[0]} {party[1]} has {found[party]} already"
                    problems.append(Problem(field, str(name), other, "Give each party one table."))
                found[party] = name
    named = {problem.field.split(".")[1] for problem in problems if problem.field.startswith("tables.")}
    for role, party_id in readers:
        if (role, party_id) not in found and not {role, party_id, f"{role}s"} & named:
            problems.append(
                Problem(
                    f"tables.{party_id}",
                    None,
                    f"{role} {party_id} brought a table to the training, and has none here",
                    f"Add {party_id!r}: 'namespace.name'. Ask the party how its table is called.",
                )
            )
    return found, problems


def _places(
    key: str, value: object, readers: Sequence[PartyKey], problems: list[Problem]
) -> Iterator[tuple[str, PartyKey, object]]:
    """Yield field, party and table of one entry."""
    field = f"tables.{key}"
    parties = [party for party in readers if key == party[1]] or [
        party for party in readers if _ROLES.get(key) == party[0]
    ]
    if not parties:
        known = [party_id for _, party_id in readers] + sorted({role for role, _ in readers})
        reason = "no party of the job reads a table under this name"
        problems.append(Problem(field, key, reason, did_you_mean(key, known, otherwise=f"One of: {', '.join(known)}.")))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != len(parties):
            names = ", ".join(party_id for _, party_id in parties)
            problems.append(
                Problem(field, list(value), f"there are {len(value)} tables for {names}", "Give one for each party.")
            )
            return
        yield from ((f"{field}.{i}", party, table) for i, (party, table) in enumerate(zip(parties, value, strict=True)))
    elif len({party_id for _, party_id in parties}) > 1:
        names = ", ".join(party_id for _, party_id in parties)
        problems.append(
            Problem(field, value, f"the job has several: {names}", "Give the tables by party id, or as a list.")
        )
    else:
        yield from ((field, party, value) for party in parties)


def _name(field: str, table: object, problems: list[Problem]) -> TableName | None:
    try:
        return TableName.parse(_TABLE.validate_python(table))
    except ValidationError as error:
        reason = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
    except ValueError as error:
        reason = str(error)
    problems.append(Problem(field, table, reason, "Write 'namespace.name'."))
    return None
