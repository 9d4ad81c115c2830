"""The JSON schema of ``federation.yaml``, by which editors complete and check it."""

from __future__ import annotations

import inspect
import re
from importlib.resources import files
from typing import Any

from pydantic import BaseModel

from airflow_provider_fate.federation.model import Federation
from airflow_provider_fate.jobs.catalogue import known_components
from airflow_provider_fate.jobs.recipes import Recipe

__all__ = ["federation_schema", "schema_text"]


def schema_text() -> str:
    """The schema as it lies in the package."""
    return files(__package__).joinpath("federation.schema.json").read_text(encoding="utf-8")


def federation_schema() -> dict[str, Any]:
    """Make the schema from the models; the texts are those of their docstrings."""
    schema = Federation.model_json_schema(by_alias=True)
    definitions = schema["$defs"]
    _describe(schema, Federation)
    for model in _models(BaseModel):
        if model.__name__ in definitions:
            _describe(definitions[model.__name__], model)
    schema["properties"]["components"]["items"] = {"enum": sorted(known_components())}
    definitions["FederationJob"]["properties"]["recipe"]["enum"] = sorted(Recipe.kinds())
    for name, field in (("ColumnRule", "name"), ("IdColumn", "name"), ("LabelColumn", "name"), ("JobSide", "table")):
        full = definitions[name]
        definitions[name] = {"anyOf": [{"type": "string", "description": f"The same as a mapping with {field}."}, full]}
    _tidy(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _tidy(part: Any) -> None:
    """Leave out what only disturbs in an editor: titles that repeat the name, and null, which nobody writes."""
    if isinstance(part, list):
        for one in part:
            _tidy(one)
    if not isinstance(part, dict):
        return
    for field in part.get("properties", {}).values():
        field.pop("title", None)
        choices = [one for one in field.get("anyOf", ()) if one != {"type": "null"}]
        if field.get("default", ...) is None:
            del field["default"]
        if len(choices) == 1 and "anyOf" in field:
            del field["anyOf"]
            field.update(choices[0])
        elif choices:
            field["anyOf"] = choices
    for one in part.values():
        _tidy(one)


def _describe(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Write what the docstrings of a model and its bases say into its schema."""
    texts: dict[str, str] = {}
    for base in reversed(model.__mro__):
        text = inspect.cleandoc(base.__doc__ or "") if issubclass(base, BaseModel) and base is not BaseModel else ""
        for name, said in re.findall(r"^:param (\w+): (.*?)(?=^:\w|\Z)", text, re.S | re.M):
            texts[name] = _plain(said)
    about = re.split(r"^:\w", inspect.cleandoc(model.__doc__ or ""), maxsplit=1, flags=re.M)[0]
    schema["description"] = _plain(about)
    for name, field in model.model_fields.items():
        if name in texts:
            schema["properties"][field.alias or name]["description"] = texts[name]


def _plain(text: str) -> str:
    text = re.sub(r":\w+:`~?([^`]*)`", lambda found: found[1].rpartition(".")[2], text)
    return re.sub(r"\s+", " ", text.replace("``", "'")).strip()


def _models(base: type[BaseModel]) -> list[type[BaseModel]]:
    ours = [one for one in base.__subclasses__() if one.__module__.startswith("airflow_provider_fate")]
    return [model for one in ours for model in (one, *_models(one))]
