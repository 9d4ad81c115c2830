"""Parts of models, read from their packages: plain numbers, as FATE 2.2 writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.convert.graph import Step
from airflow_provider_fate.models.convert.steps import Steps, bins_of, scaling_of
from airflow_provider_fate.models.manifest import ModelPart
from airflow_provider_fate.models.package import ModelPackage

__all__ = ["COMPONENTS", "Side", "Transforms", "read_side", "trained_part"]

COMPONENTS = (
    *("homo_lr", "homo_nn", "sshe_lr", "sshe_linr", "coordinated_lr", "coordinated_linr"),
    "hetero_secureboost",
)
"""Components whose models can be converted."""
_KEEP = ("statistics", "feature_correlation", "hetero_feature_selection")
"""Steps that leave the values of columns as they are. Which columns a selection has kept, the model itself says."""
_BINNING, _SCALING = "hetero_feature_binning", "feature_scale"
Transforms: TypeAlias = Literal["bin_idx", "woe"] | None
"""What a binning has put in the place of values; ``None``: nothing."""


@dataclass(frozen=True)
class Side:
    """What one party holds.

    :param who: the party, ``guest_9999``, as FATE writes it into trees.
    :param role: its role.
    :param component: what has trained.
    :param model: what it has learnt; that of a network is read from its weights.
    :param steps: what was done to its columns before.
    """

    who: str
    role: str
    component: str
    model: Mapping[str, Any]
    steps: Steps


def trained_part(package: ModelPackage) -> ModelPart:
    """The part of a package that can be converted.

    :raises FateInputError: there is none, or more than one.
    """
    manifest = package.manifest
    found = [part for part in manifest.parts if part.component in COMPONENTS]
    if len(found) != 1:
        there = ", ".join(f"{part.task} ({part.component})" for part in manifest.parts)
        raise FateInputError(
            f"The package of {manifest.who} has {len(found)} models that can be converted: {there}.",
            hint=f"One of these, once: {', '.join(COMPONENTS)}.",
        )
    return found[0]


def read_side(
    package: ModelPackage, *, transforms: Mapping[str, Transforms] | None = None, order: Sequence[str] = ()
) -> Side:
    """Read what a package holds.

    :param transforms: by the task of each binning, what it has put in the place of values; FATE's model does not say.
    :param order: tasks in the order in which they ran; default: binnings before scalings, as recipes have it.
    :raises FateInputError: there is no model in it that can be converted, or a step that cannot.
    """
    manifest, trained = package.manifest, trained_part(package)
    steps: list[Mapping[str, Step]] = []
    kinds = [part.component for part in manifest.parts]
    for part in sorted(manifest.parts, key=lambda part: _place(part, order)):
        if part == trained or part.component in _KEEP:
            continue
        if part.component in (_BINNING, _SCALING) and kinds.count(part.component) > 1 and part.task not in order:
            raise FateInputError(
                f"{manifest.who} has several steps {part.component}, and nothing says in which order.",
                hint="Give order=[...], the tasks as they ran, as the model card has them.",
            )
        if part.component == _BINNING:
            if (made := _binning(package, part, transforms)) is not None:
                steps.append(made)
        elif part.component == _SCALING:
            steps.append(scaling_of(_json(package, part.task), manifest.who))
        else:
            raise FateInputError(
                f"Step {part.task} ({part.component}) of {manifest.who} cannot become part of the graph.",
                hint="Scalings, binnings, selections and statistics can.",
            )
    return Side(
        who=f"{manifest.role}_{manifest.party_id}",
        role=manifest.role,
        component=trained.component,
        model={} if trained.component == "homo_nn" else _json(package, trained.task),
        steps=Steps(tuple(steps)),
    )


def _place(part: ModelPart, order: Sequence[str]) -> tuple[int, int]:
    return (order.index(part.task) if part.task in order else len(order), int(part.component == _SCALING))


def _binning(
    package: ModelPackage, part: ModelPart, transforms: Mapping[str, Transforms] | None
) -> Mapping[str, Step] | None:
    who = package.manifest.who
    if transforms is None or part.task not in transforms:
        raise FateInputError(
            f"Whether binning {part.task} of {who} replaces values does not stand in FATE's model.",
            hint=f"Say transforms={{{part.task!r}: None}} if its transform_method was not set, or 'bin_idx'.",
        )
    transform = transforms[part.task]
    if transform is None:
        return None
    if transform != "bin_idx":
        raise FateInputError(
            f"Binning {part.task} of {who} with transform {transform!r} cannot become part of the graph.",
            hint="FATE 2.2 puts weights of evidence into the rows of the training alone, so its own scores of other "
            "rows would differ. Train with 'bin_idx', or with no transform.",
        )
    return bins_of(_json(package, part.task), who)


def _json(package: ModelPackage, task: str) -> Mapping[str, Any]:
    part = package.part(task)
    file = next((file for file in part.files if file.path == "json_model"), None)
    if file is None:
        raise FateInputError(f"Task {task} has no JSON model.", hint="Export it again.")
    with package.open(part, file) as opened:
        try:
            model = json.load(opened)
        except ValueError:
            model = None
    if not isinstance(model, Mapping):
        raise FateInputError(f"The model of task {task} is no JSON object.", hint="Export it again.")
    return model
