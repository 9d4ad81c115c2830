"""Fields that may hold a Jinja template, or the output of another task, until Airflow has rendered it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

__all__ = ["LaterOr", "ReadAs", "Templated", "find_templates", "is_output", "is_template"]


def is_template(value: object) -> bool:
    """Say whether a value is a string that Jinja would change, or an output of another task."""
    return (isinstance(value, str) and ("{{" in value or "{%" in value)) or is_output(value)


def is_output(value: object) -> bool:
    """Say whether a value is the output of another task (Airflow's ``XComArg``), known when the task runs."""
    # Told by what it can do: this package has recipes for notebooks without Airflow, too.
    return hasattr(value, "iter_references") and hasattr(value, "resolve")


def find_templates(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield path and value of every template, and output of another task, inside a dumped model."""
    if is_template(value):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from find_templates(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for position, inner in enumerate(value):
            yield from find_templates(inner, f"{path}.{position}")


class LaterOr:
    """Accept what Airflow has still to render as it is; hand everything else to the schema of the type."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _or_later(handler(source))


class ReadAs:
    """The same for a field that people may write in several ways, of which a type checker has to know.

    :param real: what is made of them in the end.
    """

    def __init__(self, real: Any) -> None:
        self.real = real

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _or_later(handler.generate_schema(self.real))


class _TemplateOr:
    """The same for ``T | str``, which a type checker accepts templates for: what is validated is ``T``."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # Where T is itself a union, the two have become one.
        real = [member for member in get_args(source) if member is not str]
        return _or_later(handler.generate_schema(Union[tuple(real)]))  # noqa: UP007 - members known at run time only


def _or_later(inner: CoreSchema) -> CoreSchema:
    def validate(value: object, validate_real: core_schema.ValidatorFunctionWrapHandler) -> object:
        return value if is_template(value) else validate_real(value)

    def serialize(value: object, serialize_real: core_schema.SerializerFunctionWrapHandler) -> object:
        return value if is_template(value) else serialize_real(value)

    return core_schema.no_info_wrap_validator_function(
        validate,
        inner,
        serialization=core_schema.wrap_serializer_function_ser_schema(serialize, schema=inner),
    )


T = TypeVar("T")

Templated = Annotated[T | str, _TemplateOr()]
"""``Templated[int]``: an ``int``, or a Jinja string that becomes one. Rendered text is coerced: ``"20"`` gives 20."""
