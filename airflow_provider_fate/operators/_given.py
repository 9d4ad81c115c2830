"""From an upload's arguments, grouped or short, to the groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from airflow_provider_fate.data.given import Csv, Ids
from airflow_provider_fate.errors import FateInputError

__all__ = ["grouped"]

Group = TypeVar("Group", Csv, Ids)


def grouped(name: str, group: Group | None, default: Group, short: Mapping[str, tuple[str, Any]]) -> Group:
    """The group that was given, or what the short arguments say.

    :param name: of the argument that takes the group.
    :param short: by the name of a short argument, the group's field and the value; ``None``: not given.
    :raises FateInputError: a group and a short argument of the same group were given.
    """
    given = {key: field_value for key, field_value in short.items() if field_value[1] is not None}
    if group is None:
        return replace(default, **dict(given.values()))
    if given:
        field = next(iter(given.values()))[0]
        kind = type(group).__name__
        raise FateInputError(
            f"{name} and {min(given)} are both given", hint=f"Say it in one place: {name}={kind}({field}=...)."
        )
    return group
