"""Apps and permissions."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SecretStr

from .base import FlowModel, Millis, OptionalId

__all__ = ["App", "ResourceGrants"]


class App(FlowModel):
    """A credential: of a client of this site, of another site, or of this site at a partner's.

    :ivar app_token: its secret; read it with ``get_secret_value()``.
    """

    app_id: str
    app_name: str | None = None
    app_token: SecretStr | None = None
    app_type: str | None = None
    party_id: OptionalId = None
    create_time: Millis = None
    update_time: Millis = None


class ResourceGrants(FlowModel):
    """What a partner may use in jobs that it starts here.

    FATE-Flow garbles names with ``-`` or ``;`` in this answer (``bank-a`` reads ``bank:a``); what it enforces
    is right.
    """

    component: list[str] = Field(default_factory=list)
    dataset: list[dict[str, Any]] = Field(default_factory=list)
