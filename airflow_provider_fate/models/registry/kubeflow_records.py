"""How versions and moves stand in the properties of Kubeflow Model Registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ValidationError

from airflow_provider_fate.clients.kubeflow import KubeflowEntity, Properties
from airflow_provider_fate.errors import FateServerError
from airflow_provider_fate.models.registry.records import ModelVersion, RegisteredModel

__all__ = [
    "RECORD",
    "REGISTERED",
    "REGISTERING",
    "STATE",
    "WRITER",
    "alias_of",
    "counter_of",
    "described",
    "is_counter",
    "is_registered",
    "move_id",
    "number_of",
    "parsed",
    "split",
    "uri_of",
    "version_of",
]

STATE, REGISTERING, REGISTERED = "fate.state", "registering", "registered"
RECORD, WRITER = "fate.record", "fate.writer"
_PIECE = 2000
"""PostgreSQL's index over properties takes no longer texts."""
RecordT = TypeVar("RecordT", bound=BaseModel)


def described(model: RegisteredModel) -> dict[str, str | float | bool]:
    """A version's properties: what people look for, and all of it to read again."""
    return {
        **{key: value for key, value in model.tags.items() if not key.startswith("fate.")},
        **{f"metric.{key}": value for key, value in model.metrics.items()},
        **{f"fate.{key}": getattr(model, key) for key in ("job_id", "model_id", "model_version")},
        "fate.party": f"{model.role} {model.party_id}",
        "fate.package_sha256": model.sha256,
        **{f"airflow.{key}": value for key, value in model.run.items()},
        **split(RECORD, model.model_dump(mode="json")),
    }


def split(key: str, record: Mapping[str, Any]) -> dict[str, str | float | bool]:
    """A record as properties, in pieces that every database takes."""
    text = json.dumps(record, separators=(",", ":"))  # ASCII, so that characters are bytes
    return {f"{key}.{at // _PIECE}": text[at : at + _PIECE] for at in range(0, len(text), _PIECE)}


def _joined(key: str, custom: Properties) -> str:
    pieces = {int(name.rpartition(".")[2]): str(text) for name, text in custom.items() if name.startswith(f"{key}.")}
    return "".join(text for _, text in sorted(pieces.items()))


def parsed(entity: KubeflowEntity, kind: type[RecordT]) -> RecordT:
    """The record in an entity's properties.

    :raises FateServerError: somebody has changed it.
    """
    try:
        return kind.model_validate_json(_joined(RECORD, entity.properties))
    except (ValidationError, ValueError) as error:
        raise FateServerError(
            f"The properties {RECORD}.* of {entity.name!r} (id {entity.id}) in Kubeflow Model Registry are damaged: "
            f"{str(error).splitlines()[0]}",
            hint="Somebody has changed them. They are never changed by this package.",
        ) from None


def version_of(name: str, entity: KubeflowEntity) -> ModelVersion:
    """What an entity is to those who use a registry."""
    registered = datetime.fromtimestamp(entity.created / 1000, tz=UTC)
    model = parsed(entity, RegisteredModel)
    return ModelVersion(name=name, version=number_of(entity), registered=registered, model=model)


def is_registered(version: KubeflowEntity) -> bool:
    """Whether a version was made through this interface, and is complete."""
    return version.properties.get(STATE) == REGISTERED


def number_of(version: KubeflowEntity) -> int:
    """The number of a version; 0 for those of others, who may call them what they like."""
    return int(version.name) if version.name.isdecimal() else 0


def uri_of(place: str) -> str:
    """A place without the id of Airflow's connection, which no one else knows; paths become URLs."""
    if "://" not in place:
        return f"file://{place}"
    parts = urlsplit(place)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def move_id(name: str, alias: str, number: int) -> str:
    """External id of a move of an alias."""
    return f"fate:{name}:alias:{alias}:{number:08}"


def counter_of(alias: str) -> str:
    """Name of the property that notes the number of an alias's newest move."""
    return f"fate.alias.{alias}.moves"


def is_counter(key: str) -> bool:
    """Whether a property is such a note."""
    return key.startswith("fate.alias.") and key.endswith(".moves")


def alias_of(key: str) -> str:
    """The alias whose moves a property notes."""
    return key.removeprefix("fate.alias.").removesuffix(".moves")
