"""Errors of pydantic in the words of this package: field, value, reason, way out."""

from __future__ import annotations

from functools import wraps
from typing import Any, TypeVar

from pydantic import ValidationError

from airflow_provider_fate.jobs.problems import Problem, did_you_mean, invalid_job

__all__ = ["plain_errors", "problem_of"]

ClassT = TypeVar("ClassT", bound=type)


def plain_errors(cls: ClassT) -> ClassT:
    """Let a public class that pydantic checks say in plain words what is wrong when somebody makes one.

    Within a recipe its fields are checked with all others, and reported with their path. For classes that have no
    subclasses: pydantic would call the ``__init__`` of those for nested values, too.

    :raises FateInvalidJobError: (the class, afterwards) a value cannot work; lists all that is wrong.
    """
    made_by_pydantic = cls.__init__  # type: ignore[misc]

    @wraps(made_by_pydantic)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            made_by_pydantic(self, *args, **kwargs)
        except ValidationError as error:
            raise invalid_job([problem_of(cls, detail) for detail in error.errors()], what=cls.__name__) from None

    cls.__init__ = __init__  # type: ignore[misc]
    return cls


def problem_of(cls: type, detail: Any) -> Problem:
    """Make a problem of one of pydantic's.

    :param cls: the class that was to be made.
    :param detail: one of :meth:`pydantic.ValidationError.errors`.
    """
    fields: dict[str, Any] = getattr(cls, "__pydantic_fields__", {})
    names = list(fields)
    location = [str(part) for part in detail["loc"]]
    if detail["loc"] and isinstance(first := detail["loc"][0], int) and first < len(names):
        location[0] = names[first]  # given by position
    path = ".".join(location)
    name = location[0] if location else ""
    description = fields[name].description if name in fields else None
    match detail["type"]:
        case "extra_forbidden" | "unexpected_keyword_argument":
            fix = did_you_mean(name, fields, otherwise=f"Known: {', '.join(fields)}.")
            return Problem(path, detail["input"], "there is no such field", fix)
        case "missing" | "missing_argument":
            return Problem(path, None, "it is missing", f"Give {description or 'a value'}.")
        case _:
            reason = detail["msg"].removeprefix("Value error, ")
            if reason[1:2].islower():  # pydantic's own words; not "FATE has ..."
                reason = reason[:1].lower() + reason[1:]
            return Problem(path, detail["input"], reason, f"It takes {description}." if description else "")
