"""A connection, as Airflow's API takes and shows it."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ConnectionEntry"]


class ConnectionEntry(BaseModel):
    """A connection.

    :param conn_id: its id.
    :param password: Airflow never shows it: what it answers are stars.
    :param extra: JSON as text; Airflow shows stars for what sounds like a secret in it.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True, hide_input_in_errors=True)

    conn_id: str = Field(alias="connection_id")
    conn_type: str
    description: str | None = None
    host: str | None = None
    port: int | None = None
    login: str | None = None
    password: str | None = Field(default=None, repr=False)
    extra: str | None = Field(default=None, repr=False)

    @property
    def extras(self) -> dict[str, Any]:
        """What ``extra`` says; empty where it says nothing that can be read."""
        try:
            found = json.loads(self.extra or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def to_json(self) -> dict[str, Any]:
        """As Airflow takes it: all fields, so that none of an older one stays."""
        return self.model_dump(by_alias=True)
