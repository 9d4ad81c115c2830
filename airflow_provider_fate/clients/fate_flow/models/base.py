"""What all models share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

__all__ = ["FlowModel", "Id", "Mapping", "Millis", "OptionalId"]


class FlowModel(BaseModel):
    """A record of FATE-Flow. Fields that this package does not know are kept, so that a newer server is no error."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=(), populate_by_name=True)


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) else value


def _moment(value: Any) -> Any:
    return datetime.fromtimestamp(value / 1000, tz=UTC) if isinstance(value, (int, float)) else value


def _epoch(value: datetime | None) -> int | None:
    return None if value is None else round(value.timestamp() * 1000)


Id = Annotated[str, BeforeValidator(_text)]
"""An id. FATE 2.x writes them as text, 1.x wrote party ids as numbers, and users do both."""

OptionalId = Annotated[str | None, BeforeValidator(_text)]

Mapping = Annotated[dict[str, Any], BeforeValidator(lambda value: {} if value is None else value)]
"""A mapping of a shape that only FATE knows; FATE-Flow writes null for an empty one here and there."""

Millis = Annotated[datetime | None, BeforeValidator(_moment), PlainSerializer(_epoch)]
"""A moment in UTC, written by FATE-Flow as milliseconds since the epoch; ``None`` until it comes."""
