"""From an Airflow connection to a FATE-Flow client, and the Test button."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_fate.compat import aget_connection
from airflow_provider_fate.hooks.connection_fields import (
    CONN_FIELDS,
    CONN_TYPE,
    HOOK_NAME,
    UI_FIELD_BEHAVIOUR,
)

if TYPE_CHECKING:
    from airflow_provider_fate.clients.flow import AsyncFlowClient, FlowClient
    from airflow_provider_fate.hooks.site import FateSite


class FateFlowHook(BaseHook):
    """Client of the FATE-Flow that an Airflow connection describes.

    :param fate_conn_id: id of a connection of type ``fate``.
    """

    conn_name_attr = "fate_conn_id"
    default_conn_name = "fate_default"
    conn_type = CONN_TYPE
    hook_name = HOOK_NAME

    def __init__(self, fate_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fate_conn_id = fate_conn_id

    def site(self) -> FateSite:
        """The connection, checked.

        :raises FateConfigError: it has a missing or wrong field.
        """
        from airflow_provider_fate.hooks.site import FateSite

        return FateSite.of(self.get_connection(self.fate_conn_id))

    async def asite(self) -> FateSite:
        """The same, without blocking the event loop."""
        from airflow_provider_fate.hooks.site import FateSite

        return FateSite.of(await aget_connection(self.fate_conn_id))

    def get_conn(self) -> FlowClient:
        """Open a client; use it as a context manager."""
        from airflow_provider_fate.clients.flow import FlowClient

        return FlowClient(self.site().settings())

    async def aget_conn(self) -> AsyncFlowClient:
        """Open an asynchronous client; use it as an asynchronous context manager."""
        from airflow_provider_fate.clients.flow import AsyncFlowClient

        return AsyncFlowClient((await self.asite()).settings())

    def test_connection(self) -> tuple[bool, str]:
        """Say whether the site can be worked with, and if not, what to change."""
        from airflow_provider_fate.hooks.check import check_site

        return check_site(self.site)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Labels of the form in Airflow 3.1; newer ones read them from the provider info."""
        return {key.replace("-", "_"): value for key, value in UI_FIELD_BEHAVIOUR.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Fields of the form in Airflow 3.1; newer ones read them from the provider info."""
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
        from wtforms import BooleanField, IntegerField, StringField
        from wtforms.validators import Optional

        kinds = {
            "boolean": BooleanField,
            "integer": IntegerField,
            "number": IntegerField,
            "string": StringField,
        }
        return {
            name: kinds[field["schema"]["type"][0]](
                field["label"],
                default=field["schema"].get("default"),
                description=field["description"],
                validators=[Optional()],
                **({} if field["schema"]["type"][0] == "boolean" else {"widget": BS3TextFieldWidget()}),
            )
            for name, field in CONN_FIELDS.items()
        }
