"""The hook of a connection type, as far as all have the same: reading, the Test button, the form of Airflow 3.1."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, Generic, TypeVar, cast

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_fate.compat import aget_connection
from airflow_provider_fate.errors import FateError
from airflow_provider_fate.hooks.form import ConnectionModel, conn_fields, field_behaviour

__all__ = ["ConnectionHook", "hook_class", "read_connection"]

M = TypeVar("M", bound=ConnectionModel)


class ConnectionHook(BaseHook, Generic[M]):
    """Reads connections of one type. A subclass names the model that declares the type; the rest follows.

    :param conn_id: id of the connection; its name as a keyword is that of the type: ``fate_conn_id``.
    """

    model: ClassVar[type[ConnectionModel]]
    conn_type: ClassVar[str]
    hook_name: ClassVar[str]
    conn_name_attr: ClassVar[str]
    default_conn_name: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        form = cls.model.form
        cls.conn_type = form.conn_type
        cls.hook_name = form.name
        cls.conn_name_attr = f"{form.conn_type}_conn_id"
        cls.default_conn_name = f"{form.conn_type}_default"

    def __init__(self, conn_id: str | None = None, **kwargs: Any) -> None:
        self.conn_id: str = kwargs.pop(self.conn_name_attr, conn_id) or self.default_conn_name
        super().__init__(**kwargs)

    def read(self) -> M:
        """The connection, checked.

        :raises FateConfigError: it has a missing or wrong field.
        """
        return cast("M", self.model.of(self.get_connection(self.conn_id)))

    async def aread(self) -> M:
        """The same, without blocking the event loop."""
        return cast("M", self.model.of(await aget_connection(self.conn_id)))

    def test_connection(self) -> tuple[bool, str]:
        """Say whether the connection can be worked with, and if not, what to change."""
        try:
            return True, self.read().check()
        except FateError as e:
            return False, f"{type(e).__name__}: {e}"

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Labels of the form in Airflow 3.1; newer ones read them from the provider info."""
        return {key.replace("-", "_"): value for key, value in field_behaviour(cls.model).items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Fields of the form in Airflow 3.1; newer ones read them from the provider info."""
        from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
        from wtforms import BooleanField, IntegerField, PasswordField, StringField
        from wtforms.validators import Optional

        kinds = {
            "boolean": (BooleanField, None),
            "integer": (IntegerField, BS3TextFieldWidget()),
            "number": (IntegerField, BS3TextFieldWidget()),
            "string": (StringField, BS3TextFieldWidget()),
            "password": (PasswordField, BS3PasswordFieldWidget()),
        }
        made = {}
        for name, field in conn_fields(cls.model).items():
            schema = field["schema"]
            kind, widget = kinds[schema.get("format", schema["type"][0])]
            made[name] = kind(
                field["label"],
                default=schema.get("default"),
                description=field["description"],
                validators=[Optional()],
                **({"widget": widget} if widget else {}),
            )
        return made


def read_connection(model: type[M], conn_id: str) -> M:
    """Read a connection of a type.

    :raises FateConfigError: it is of another type, or has a missing or wrong field.
    """
    return model.of(BaseHook.get_connection(conn_id))


@cache
def hook_class(model: type[ConnectionModel], name: str) -> type[ConnectionHook[Any]]:
    """Make the hook of a type that needs nothing more; for ``__getattr__`` of the module that declares it.

    :raises AttributeError: the type's hook has another name.
    """
    if model.form.hook != f"{model.__module__}.{name}":
        msg = f"module {model.__module__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    text = f"Connections of the type {model.form.name}."
    return type(name, (ConnectionHook,), {"__module__": model.__module__, "__doc__": text, "model": model})
