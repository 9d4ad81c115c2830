"""What pydantic finds wrong, in the words of this package."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from airflow_provider_fate.jobs.problems import Problem, did_you_mean

__all__ = ["problems_of"]

_SECRET = ("ids", "salt")


def problems_of(error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    """Yield a problem for each of pydantic's.

    :param model: what was to be made.
    """
    for detail in error.errors():
        path, owner = _walk(model, detail["loc"])
        field = ".".join(path)
        if path[:2] == _SECRET:
            yield _about_salt(field, detail)
            continue
        match detail["type"]:
            case "extra_forbidden":
                known = list(_names(owner)) if owner else []
                fix = did_you_mean(path[-1], known, otherwise=f"Known: {', '.join(known)}.")
                yield Problem(field, detail["input"], "there is no such field", fix)
            case "missing":
                yield Problem(field, None, "it is missing", f"Add '{path[-1]}: ...'.")
            case _:
                yield Problem(field, detail["input"], _reason(detail), _hint(detail))


def _about_salt(field: str, detail: Any) -> Problem:
    """No value is shown: somebody may have written the salt itself."""
    fix = (
        "Write conn_id (an Airflow connection whose password is the salt) and fingerprint. The salt itself never "
        "belongs into this file: take another one if it has been in here."
    )
    known = {"extra_forbidden": "there is no such field", "missing": "it is missing"}
    reason = known.get(detail["type"]) or _reason(detail)
    return Problem(field, None, reason, fix)


def _reason(detail: Any) -> str:
    reason = str(detail["msg"]).removeprefix("Value error, ")
    return reason[:1].lower() + reason[1:] if reason[1:2].islower() else reason


def _hint(detail: Any) -> str:
    shapes = {"model_type": "a mapping", "dict_type": "a mapping", "tuple_type": "a list", "string_type": "a text"}
    return f"Write {shapes[detail['type']]}." if detail["type"] in shapes else ""


def _walk(model: type[BaseModel], location: Sequence[int | str]) -> tuple[tuple[str, ...], type[BaseModel] | None]:
    """The path as a person writes it, and the part of the file in which its last step stands."""
    path: list[str] = []
    owner: type[BaseModel] | None = None
    at: Any = model
    for step in location:
        owner = None
        at = _plain(at)
        if step == "[key]":
            break
        if isinstance(at, type) and issubclass(at, BaseModel):
            owner = at
            path.append(str(step))
            at = next((f.annotation for n, f in at.model_fields.items() if step in (n, f.alias)), None)
        elif get_origin(at) in (dict, tuple, list):
            path.append(str(step))
            at = get_args(at)[1 if get_origin(at) is dict else 0]
        else:  # the names of the members of a union
            break
    return tuple(path), owner


def _plain(annotation: Any) -> Any:
    """A type without what is said beside it."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        members = [_plain(one) for one in get_args(annotation) if one is not type(None)]
        return members[0] if len(members) == 1 else None
    return annotation


def _names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name
