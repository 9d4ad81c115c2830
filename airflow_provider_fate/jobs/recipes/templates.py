"""Fields that may hold a Jinja template until Airflow has rendered it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

__all__ = ["Templated", "find_templates", "is_template"]


def is_template(value: object) -> bool:
    """Say whether a value is a string that Jinja would change."""
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def find_templates(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield path and text of every template inside a dumped model."""
    if is_template(value):
        yield path, str(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from find_templates(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for position, inner in enumerate(value):
            yield from find_templates(inner, f"{path}.{position}")


class _TemplateOr:
    """Accept a template as it is; hand everything else to the schema of the real type."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # The declared type is `T | str`, so that a type checker accepts templates; what is validated is T. (Where T is
        # itself a union, the two have become one.)
        real = [member for member in get_args(source) if member is not str]
        inner = handler.generate_schema(Union[tuple(real)])  # noqa: UP007 - members known at run time only

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
