"""What a connection type is, declared once: its form, what Airflow is told of it, and how a connection is read.

>>> class Store(ConnectionModel):
...     form: ClassVar[Form] = Form("store", name="Store", what="a store", hook="my_package.store.StoreHook")
...
...     host: Annotated[str, Standard("host", "Host", "Name of the server.")]
...     shelf: Annotated[int | None, Extra("Shelf", "Which shelf to use.", prefill=1)] = Field(None, ge=1)
...
...     def check(self) -> str:
...         with StoreClient(HttpSettings(self.host, 80)) as store:
...             return f"{store.books.count()} books at {self.host}."
>>> def __getattr__(name: str) -> type:  # StoreHook, made when Airflow asks for it
...     from airflow_provider_fate.hooks.hook import hook_class
...
...     return hook_class(Store, name)

Every Airflow process reads these declarations, by ``get_provider_info``, while it starts: neither this module nor one
that declares a type may import Airflow or a client at its top.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import FieldInfo

from airflow_provider_fate.errors import FateConfigError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

__all__ = [
    "ConnectionModel",
    "Extra",
    "Form",
    "Standard",
    "conn_fields",
    "field_behaviour",
    "provider_info",
    "standard_fields",
]

StandardName = Literal["host", "schema", "login", "password", "port"]


@dataclass(frozen=True, slots=True)
class Form:
    """The connection type itself.

    :param conn_type: as written in connections, such as ``"fate"``.
    :param name: as the list of connection types shows it.
    :param what: what such a connection leads to, for messages: ``"a FATE site"``.
    :param hook: path of the hook's class, which is imported only where a hook is used.
    """

    conn_type: str
    name: str
    what: str
    hook: str


@dataclass(frozen=True, slots=True)
class Standard:
    """One of the fields that Airflow gives to every connection; those that nobody declares are hidden.

    :param name: Airflow's name of the field.
    :param label: what it is called in the form.
    :param description: for the documentation; Airflow shows none for these fields.
    :param placeholder: what an empty field shows.
    """

    name: StandardName
    label: str
    description: str
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class Extra:
    """A field of the connection's ``extra``, with a place of its own in the form.

    :param label: what it is called in the form.
    :param description: what the form says below it.
    :param prefill: what the form suggests; not what counts where a connection does not name the field.
    :param secret: show no letters of it.
    """

    label: str
    description: str
    prefill: str | float | bool | None = None
    secret: bool = False


class ConnectionModel(BaseModel):
    """What a connection of one type says, checked. A subclass is the declaration of the type.

    Each field but ``conn_id`` is annotated with a :class:`Standard` or an :class:`Extra`; a class with a field that has
    neither cannot be made. Type and limits of a field are those of the form, too.

    :param conn_id: the connection's id, for messages.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    form: ClassVar[Form]

    conn_id: str

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        declared = {*_declared(cls, Standard), *_declared(cls, Extra), "conn_id"}
        if missing := sorted(cls.model_fields.keys() - declared):
            msg = f"{cls.__name__}: annotate {', '.join(missing)} with Standard or Extra"
            raise TypeError(msg)
        conn_fields(cls)

    @abstractmethod
    def check(self) -> str:
        """Connect, as the Test button asks.

        :returns: what was found, in a sentence for the person who pressed it.
        :raises FateError: it cannot be worked with; says what to change.
        """

    @classmethod
    def of(cls, connection: Connection) -> Self:
        """Read an Airflow connection.

        :raises FateConfigError: it is of another type, or a field is missing or wrong; names the connection and the
            field.
        """
        form = cls.form
        if connection.conn_type != form.conn_type:
            raise FateConfigError(
                f"Connection {connection.conn_id!r} cannot be used: it has "
                + (f"the type {connection.conn_type!r}" if connection.conn_type else "no type")
                + f", and {form.what} needs the type {form.conn_type!r}.",
                hint=f"Name another connection, or choose the type {form.name} under Admin > Connections "
                f'("conn_type": "{form.conn_type}" in JSON, {form.conn_type}:// in a URI).',
            )
        extra = _extra_of(connection, cls)
        given = {name: extra.get(name) for name in _declared(cls, Extra)}
        given |= {name: getattr(connection, field.name) or None for name, field in standard_fields(cls).items()}
        # Airflow's form stores a field that was left empty as an empty string.
        given = {name: value for name, value in given.items() if value is not None and value != ""}
        try:
            return cls.model_validate({**given, "conn_id": connection.conn_id})
        except ValidationError as e:
            # The message is composed here, without the input: a token pasted into a wrong field must not be logged.
            faults = "; ".join(f"{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in e.errors())
            raise FateConfigError(
                f"Connection {connection.conn_id!r} cannot be used: {faults}",
                hint=f"Edit it under Admin > Connections (type {form.name}).",
            ) from None


def _extra_of(connection: Connection, model: type[ConnectionModel]) -> dict[str, Any]:
    """The connection's extra fields. Airflow takes broken JSON for none at all, and TLS would be switched off silently.

    :raises FateConfigError: they are no JSON object. The text itself is not shown: it may hold secrets.
    """
    if not connection.extra:
        return {}
    try:
        extra = json.loads(connection.extra)
    except json.JSONDecodeError as e:
        why = f"is not JSON ({e.msg}, line {e.lineno}, column {e.colno})"
    else:
        if isinstance(extra, dict):
            return extra
        why = f"is JSON, but a {type(extra).__name__} instead of an object"
    fields = _declared(model, Extra).items()
    example = {name: field.prefill for name, field in fields if field.prefill is not None}
    raise FateConfigError(
        f"Connection {connection.conn_id!r} cannot be used: extra {why}.",
        hint=f"Correct it under Admin > Connections, or in the variable: {json.dumps(example)}.",
    )


# --- what Airflow is told ---------------------------------------------------------------------------------------------

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}
_STANDARD = get_args(StandardName)

F = TypeVar("F", Standard, Extra)


def provider_info(model: type[ConnectionModel]) -> dict[str, Any]:
    """The entry of ``connection-types`` in the provider info, from which Airflow 3.2 and newer draw the form."""
    return {
        "connection-type": model.form.conn_type,
        "hook-class-name": model.form.hook,
        "hook-name": model.form.name,
        "ui-field-behaviour": field_behaviour(model),
        "conn-fields": conn_fields(model),
    }


def field_behaviour(model: type[ConnectionModel]) -> dict[str, Any]:
    """Which of Airflow's own fields are hidden, and what the others are called."""
    standard = standard_fields(model).values()
    shown = {field.name for field in standard}
    return {
        "hidden-fields": [name for name in _STANDARD if name not in shown],
        "relabeling": {field.name: field.label for field in standard},
        "placeholders": {field.name: field.placeholder for field in standard if field.placeholder},
    }


def standard_fields(model: type[ConnectionModel]) -> dict[str, Standard]:
    """The fields of Airflow's own that the type uses, by the name that the model gives them."""
    return _declared(model, Standard)


def conn_fields(model: type[ConnectionModel]) -> dict[str, dict[str, Any]]:
    """The fields of ``extra`` by name: label, description and JSON schema.

    :raises TypeError: a field is of a type that no form has, or would have to be filled in.
    """
    return {
        name: {
            "label": field.label,
            "description": field.description,
            "schema": _schema(f"{model.__name__}.{name}", model.model_fields[name], field),
        }
        for name, field in _declared(model, Extra).items()
    }


def _schema(where: str, info: FieldInfo, field: Extra) -> dict[str, Any]:
    kinds = get_args(info.annotation)
    if get_origin(info.annotation) is Literal or NoneType not in kinds or len(kinds) != 2:
        msg = f"{where}: write its type as `... | None`; a form must not make a field of extra mandatory"
        raise TypeError(msg)
    kind = next(kind for kind in kinds if kind is not NoneType)
    choices = list(get_args(kind)) if get_origin(kind) is Literal else None
    if choices is None and kind not in _TYPES:
        msg = f"{where}: a form has fields for {', '.join(t.__name__ for t in _TYPES)} and Literal, not for {kind}"
        raise TypeError(msg)
    limits = {"minimum": _limit(info, "ge"), "maximum": _limit(info, "le")}
    schema = {"type": ["string" if choices else _TYPES[kind], "null"], "default": field.prefill, "enum": choices}
    schema |= {**limits, "format": "password" if field.secret else None}
    return {key: value for key, value in schema.items() if value is not None}


def _limit(info: FieldInfo, side: str) -> Any:
    return next((getattr(constraint, side) for constraint in info.metadata if hasattr(constraint, side)), None)


def _declared(model: type[ConnectionModel], kind: type[F]) -> dict[str, F]:
    return {name: note for name, info in model.model_fields.items() for note in info.metadata if isinstance(note, kind)}
