"""What the registry keeps, as far as it is used here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

__all__ = ["KubeflowEntity", "KubeflowPage", "Properties", "properties"]

Property = str | float | bool
Properties = Mapping[str, Property]

_VALUES = {
    "MetadataStringValue": "string_value",
    "MetadataDoubleValue": "double_value",
    "MetadataIntValue": "int_value",
    "MetadataBoolValue": "bool_value",
}


def properties(values: Properties) -> dict[str, dict[str, Any]]:
    """Return properties as the interface takes them.

    A whole number is sent as a double: its ``int`` has 32 bits.
    """
    return {key: _written(value) for key, value in values.items()}


def _written(value: Property) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"metadataType": "MetadataBoolValue", "bool_value": value}
    if isinstance(value, (int, float)):
        return {"metadataType": "MetadataDoubleValue", "double_value": float(value)}
    return {"metadataType": "MetadataStringValue", "string_value": value}


def _plain(given: Any) -> Any:
    found = {}
    for key, value in (given or {}).items():
        name = _VALUES.get(value.get("metadataType"))
        if name is not None:  # structures and messages are of others
            found[key] = value[name]
    return found


class KubeflowEntity(BaseModel):
    """A registered model, a version or an artifact.

    :param id: which the registry has given.
    :param raw: its properties as the registry has answered them, of all types: who changes some sends all.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    id: str
    name: str = ""
    state: str = ""
    uri: str = ""
    external_id: str | None = Field(default=None, alias="externalId")
    model_id: str | None = Field(default=None, alias="registeredModelId")
    created: int = Field(default=0, alias="createTimeSinceEpoch")
    properties: Annotated[dict[str, Property], BeforeValidator(_plain)] = Field(default_factory=dict)
    raw: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> KubeflowEntity:
        """Read an answer."""
        given = answer.get("customProperties") or {}
        return cls.model_validate({**answer, "properties": given, "raw": given})


class KubeflowPage(BaseModel):
    """Some entities of a list."""

    items: list[dict[str, Any]] = Field(default_factory=list)
    next_page: str = Field(default="", alias="nextPageToken")
