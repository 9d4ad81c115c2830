"""A model that is named as a registry knows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_fate.errors import FateInputError, FateModelNotFound

if TYPE_CHECKING:
    from airflow_provider_fate.models.registry import ModelVersion

__all__ = ["find_registered", "names_a_registry"]

_FORM = "{'registry': 's3://aws_default@models/registry', 'name': 'credit_risk', 'alias': 'champion'}"


def names_a_registry(model: Any) -> bool:
    """Whether it is a model of a registry, and not the result of a task."""
    return isinstance(model, Mapping) and "registry" in model and "job_id" not in model


def find_registered(model: Mapping[str, Any], *, missing_ok: bool = False) -> ModelVersion | None:
    """Ask the registry.

    :param model: ``registry``, ``name``, and ``alias`` or ``version``.
    :param missing_ok: give ``None`` where the alias points at no version.
    :raises FateInputError: it is not written like this.
    :raises FateModelNotFound: there is no such version.
    """
    from airflow_provider_fate.models.registry import open_registry

    wrong = model.keys() - {"registry", "name", "alias", "version"}
    if wrong or not model.get("name") or (model.get("alias") is None) == (model.get("version") is None):
        raise FateInputError(
            f"model={dict(model)!r} names no version of a registry.", hint=f"Write {_FORM}, or a version for the alias."
        )
    version = model.get("version")
    if version is not None and not str(version).isdecimal():
        raise FateInputError(f"version={version!r} is not a number.", hint="Write it without a 'v', such as 3.")
    registry = open_registry(str(model["registry"]))
    try:
        if version is not None:
            return registry.version(str(model["name"]), int(version))
        return registry.resolve(str(model["name"]), str(model["alias"]))
    except FateModelNotFound:
        if missing_ok and version is None:
            return None
        raise
    finally:
        registry.close()
