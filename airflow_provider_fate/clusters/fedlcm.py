"""Deployment YAMLs of FedLCM: what is changed in them, and what FedLCM cannot deploy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from airflow_provider_fate.errors import FateInputError

__all__ = ["document_of", "has_route", "merged", "refuse_fate_2"]

NEWEST = "1.11.1"
INSTEAD = "FATE 2 is deployed by FateClusterDeployOperator, through KubeFATE itself."
_MODULES = {"osx": "OSX", "clustermanager": "EggRoll", "nodemanager": "EggRoll", "rollsite": "EggRoll"}


def document_of(text: str) -> dict[str, Any]:
    """Read a deployment YAML.

    :raises FateInputError: it is none.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as e:
        raise FateInputError(f"The deployment YAML cannot be read: {e}") from None
    if not isinstance(document, dict):
        raise FateInputError("The deployment YAML is no mapping.")
    return document


def merged(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with changes: mappings are merged, anything else is replaced."""
    result = dict(document)
    for key, value in changes.items():
        before = result.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        result[key] = merged(before, value) if both else value  # type: ignore[arg-type]
    return result


def refuse_fate_2(version: str | None, changes: Mapping[str, Any]) -> None:
    """Refuse what FedLCM cannot deploy, before anything is asked of it.

    :raises FateInputError: a chart of FATE 2, an engine other than Spark, or a proxy other than Pulsar.
    """
    given = str(changes.get("chartVersion") or version or "")
    if given.lstrip("v").startswith("2"):
        raise FateInputError(
            f"version={given!r}: FedLCM deploys FATE up to {NEWEST}, and has no chart of FATE 2.", hint=INSTEAD
        )
    for key, only in (("computing", ("Spark", "Spark_local")), ("federation", ("Pulsar",)), ("storage", ("HDFS",))):
        if key in changes and changes[key] not in only:
            raise FateInputError(
                f"values: {key}={changes[key]!r} is not offered: FedLCM's exchange knows FATE with Spark, HDFS and "
                "Pulsar only.",
                hint=INSTEAD,
            )
    for module in changes.get("modules") or ():
        if module in _MODULES:
            raise FateInputError(
                f"values: module {module!r} belongs to {_MODULES[module]}, which FedLCM does not deploy.", hint=INSTEAD
            )


def has_route(exchange: str, party_id: int) -> bool:
    """Return whether an exchange, by its deployment YAML, knows where a party is."""
    document = document_of(exchange)
    tables = (_table(document, "nginx"), (_table(document, "trafficServer") or {}).get("sni") or ())
    known = {str(party) for party in tables[0] or ()}
    names = {str(one.get("fqdn", "")) for one in tables[1] if isinstance(one, Mapping)}
    return str(party_id) in known and any(name.startswith(f"{party_id}.") for name in names)


def _table(document: Mapping[str, Any], module: str) -> Mapping[str, Any]:
    section = document.get(module)
    table = section.get("route_table") if isinstance(section, Mapping) else None
    return table if isinstance(table, Mapping) else {}
