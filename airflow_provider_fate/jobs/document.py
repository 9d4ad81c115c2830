"""FATE's description of a job, read from a mapping, YAML or JSON, an export of FATEBoard or fate-client."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import cast

import yaml

from airflow_provider_fate.jobs.builder import SCHEMA_VERSION, JsonObject
from airflow_provider_fate.jobs.problems import Problem, invalid_job

__all__ = ["parse", "read_document"]

# FATE-Flow's request wraps the job as `dag_schema`; a job record that was copied from an answer has it as `dag`.
_WRAPPINGS = ("dag_schema", "data", "job")


def read_document(source: Mapping[str, object] | str) -> JsonObject:
    """Return a copy of a job as it is posted: ``{"dag": {...}, "schema_version": "2.2.0"}``, with party ids as text.

    :param source: a mapping, or YAML or JSON text of one.
    :raises FateInvalidJobError: it is not a job.
    """
    document = _unwrap(parse(source) if isinstance(source, str) else source)
    dag = document["dag"]
    assert isinstance(dag, dict)
    _party_ids_to_text(dag)
    return document


def parse(text: str) -> Mapping[str, object]:
    """Read YAML or JSON text of a job or a recipe."""
    try:
        # JSON first: it is quicker, and YAML would read some of its numbers (1e-08) as text.
        document = json.loads(text)
    except ValueError:
        try:
            document = yaml.load(text, Loader=_Loader)  # noqa: S506 - a subclass of SafeLoader
        except yaml.YAMLError as error:
            raise invalid_job(
                [Problem("(text)", text[:60], f"is neither JSON nor YAML: {error}", "Correct it.")]
            ) from None
    if not isinstance(document, Mapping):
        raise invalid_job(
            [Problem("(text)", text[:60], "does not hold a mapping", "Give the job, not the name of a file.")]
        )
    return document


class _Loader(yaml.SafeLoader):
    """YAML as fate-client writes it, where ``1e-08`` is a number (YAML 1.2), not text (YAML 1.1)."""


_FLOAT = r"""^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+
|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"""


def _teach_floats() -> None:
    import re

    _Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(_FLOAT, re.X), list("-+0123456789."))


_teach_floats()


def _unwrap(source: Mapping[str, object]) -> JsonObject:
    current: object = source
    for _ in range(3):
        if not isinstance(current, Mapping) or "tasks" in current:
            break
        inner = current.get("dag")
        if isinstance(inner, Mapping) and "tasks" in inner:
            # Anything beside them (status, job id, ...) belongs to a record of a job, and FATE-Flow refuses it.
            kept = {key: current[key] for key in ("kind",) if current.get(key) not in (None, "fate")}
            version = str(current.get("schema_version") or SCHEMA_VERSION)
            return {"dag": copy.deepcopy(dict(inner)), "schema_version": version, **kept}
        current = (
            inner
            if isinstance(inner, Mapping)
            else next((current[key] for key in _WRAPPINGS if isinstance(current.get(key), Mapping)), None)
        )
    if isinstance(current, Mapping) and isinstance(current.get("tasks"), Mapping):
        return {"dag": copy.deepcopy(dict(cast("Mapping[str, object]", current))), "schema_version": SCHEMA_VERSION}
    raise invalid_job(
        [
            Problem(
                "dag",
                sorted(map(str, source))[:8],
                "no job is in here",
                "A job is {'dag': {'parties': [...], 'tasks': {...}}, 'schema_version': '2.2.0'}.",
            )
        ]
    )


def _party_ids_to_text(node: object) -> None:
    """Turn every party id into text: FATE 2.x compares text, and YAML reads ``9999`` as a number."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "party_id":
                ids = value if isinstance(value, list) else [value]
                node[key] = [_text(party_id) for party_id in ids]
            elif key in ("scheduler_party_id", "initiator_party_id"):
                node[key] = _text(value)
            elif key != "parameters":
                _party_ids_to_text(value)
    elif isinstance(node, list):
        for item in node:
            _party_ids_to_text(item)


def _text(party_id: object) -> object:
    return str(party_id) if isinstance(party_id, int) and not isinstance(party_id, bool) else party_id
