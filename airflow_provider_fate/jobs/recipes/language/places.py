"""Paths on the machines of a site, the same at all parties or one for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Annotated, TypeAlias

from pydantic import BeforeValidator

from airflow_provider_fate.jobs.problems import Problem
from airflow_provider_fate.jobs.recipes.templates import LaterOr, is_template

__all__ = ["Places", "ServerPath", "missing_places", "place_of", "places"]


def _server_path(value: object) -> object:
    if not isinstance(value, str) or is_template(value):
        return value  # the schema says what is wrong with others
    path = PurePosixPath(value)
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError(
            "it is not an absolute path on the site's machines. FATE-LLM takes no names of a model hub: sites have no "
            "internet, and a name says nothing about its content. Copy the files to each site, and write where they "
            "are, such as '/data/models/gpt2'"
        )
    return str(path)


ServerPath: TypeAlias = Annotated[str, BeforeValidator(_server_path), LaterOr()]
"""An absolute path where the tasks of a site run."""


def _places(value: object) -> object:
    if not (isinstance(value, str | Mapping) or is_template(value)):
        raise ValueError("it is neither a path, nor paths by party id")
    if isinstance(value, Mapping):
        # YAML reads 9999 as a number, and party ids are text.
        return {str(party_id): _server_path(path) for party_id, path in value.items()}
    return _server_path(value)


Places: TypeAlias = Annotated[str | dict[str, str], BeforeValidator(_places), LaterOr()]
"""One path for all parties, or a path by party id."""


def place_of(where: str | Mapping[str, str], party_id: str) -> str:
    """Return the path at one party; every party has one once a recipe has been checked."""
    return where if isinstance(where, str) else where[party_id]


def places(where: str | Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield every path, and what follows the name of the field for it."""
    if isinstance(where, str):
        yield "", where
    else:
        yield from ((f".{party_id}", path) for party_id, path in where.items())


def missing_places(field: str, where: str | Mapping[str, str], party_ids: list[str]) -> list[Problem]:
    """Return what is wrong with paths by party: one is missing, or is for nobody."""
    if isinstance(where, str):
        return []
    problems = [
        Problem(f"{field}.{party_id}", None, "this party has no path", "Give one path for all, or one for each party.")
        for party_id in dict.fromkeys(party_ids)
        if party_id not in where
    ]
    for party_id in where:
        if party_id not in party_ids:
            known = ", ".join(dict.fromkeys(party_ids))
            problems.append(
                Problem(f"{field}.{party_id}", where[party_id], "this party has no use for it", f"Parties: {known}.")
            )
    return problems
