"""Parts of models, read from their packages: plain numbers, as FATE 2.2 writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.package import ModelPackage

__all__ = ["COMPONENTS", "Side", "read_side"]

COMPONENTS = ("homo_lr", "sshe_lr", "sshe_linr", "coordinated_lr", "coordinated_linr", "hetero_secureboost")
"""Components whose models can be converted."""
_KEEP = ("statistics", "feature_correlation", "hetero_feature_selection")
"""Steps that leave the values of columns as they are. Which columns a selection has kept, the model itself says."""


@dataclass(frozen=True)
class Side:
    """What one party holds.

    :param who: the party, ``guest_9999``, as FATE writes it into trees.
    :param role: its role.
    :param component: what has trained.
    :param model: what it has learnt.
    :param scale: mean and standard deviation by column; columns that are not scaled are missing.
    """

    who: str
    role: str
    component: str
    model: Mapping[str, Any]
    scale: Mapping[str, tuple[float, float]]


def read_side(package: ModelPackage, *, binning_transforms: bool | None) -> Side:
    """Read what a package holds.

    :param binning_transforms: whether a binning has replaced values; ``None``: not known.
    :raises FateInputError: there is no model in it that can be converted, or a step that cannot.
    """
    manifest = package.manifest
    found = [part for part in manifest.parts if part.component in COMPONENTS]
    if len(found) != 1:
        there = ", ".join(f"{part.task} ({part.component})" for part in manifest.parts)
        raise FateInputError(
            f"The package of {manifest.who} has {len(found)} models that can be converted: {there}.",
            hint=f"One of these, once: {', '.join(COMPONENTS)}.",
        )
    scale: Mapping[str, tuple[float, float]] = {}
    for part in manifest.parts:
        if part in found or part.component in _KEEP:
            continue
        if part.component == "hetero_feature_binning" and binning_transforms is False:
            continue
        if part.component == "feature_scale" and not scale:
            scale = _scale(_json(package, part.task), manifest.who)
            continue
        raise FateInputError(
            f"Step {part.task} ({part.component}) of {manifest.who} cannot become part of the graph.",
            hint="FATE does not write into the model whether a binning replaces values: say binning_transforms=False "
            "if its transform_method was not set."
            if part.component == "hetero_feature_binning"
            else "A single standard scaling, selections and statistics can.",
        )
    return Side(
        who=f"{manifest.role}_{manifest.party_id}",
        role=manifest.role,
        component=found[0].component,
        model=_json(package, found[0].task),
        scale=scale,
    )


def _json(package: ModelPackage, task: str) -> Mapping[str, Any]:
    part = package.part(task)
    file = next((file for file in part.files if file.path == "json_model"), None)
    if file is None:
        raise FateInputError(f"Task {task} has no JSON model.", hint="Networks cannot be converted like this.")
    with package.open(part, file) as opened:
        try:
            model = json.load(opened)
        except ValueError:
            model = None
    if not isinstance(model, Mapping):
        raise FateInputError(f"The model of task {task} is no JSON object.", hint="Export it again.")
    return model


def _scale(model: Mapping[str, Any], who: str) -> Mapping[str, tuple[float, float]]:
    info = (model.get("data") or {}).get("scaler_info") or {}
    method = (model.get("meta") or {}).get("method")
    if method != "standard" or "mean" not in info or "std" not in info:
        raise FateInputError(
            f"Scaling by {method!r} at {who} cannot become part of the graph.", hint="Standard scaling can."
        )
    columns: Sequence[str] = info.get("select_col") or list(info["mean"])
    return {column: (float(info["mean"][column]), float(info["std"][column])) for column in columns}
