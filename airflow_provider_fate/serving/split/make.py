"""Make a party's part of a split model of its package: its own columns and numbers, and nothing of anybody else's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from airflow_provider_fate.clients.split.messages import ModelKey
from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.convert.linear import estimators_of, weights_of
from airflow_provider_fate.models.convert.reading import Side, Transforms, read_side
from airflow_provider_fate.models.package import ModelPackage
from airflow_provider_fate.serving.split.document import (
    LinearShare,
    SplitColumn,
    SplitNode,
    SplitPart,
    SplitTerms,
    TreeShape,
    TreeShare,
    TreeSplit,
)

__all__ = ["split_part_of"]

_OBJECTIVES = ("binary", "multi", "regression")


def split_part_of(
    package: ModelPackage,
    *,
    terms: SplitTerms | None = None,
    transforms: Mapping[str, Transforms] | None = None,
    order: Sequence[str] = (),
) -> SplitPart:
    """Make the part of one party.

    :param package: of this party, as it was exported at its own site.
    :param terms: what the guest may ask.
    :param transforms: by the task of each binning, what it has put in the place of values; FATE's model does not say.
    :param order: tasks as they ran; default: binnings before scalings.
    :raises FateInputError: it is no hetero model, or a step of the job cannot be done to single rows.
    """
    manifest = package.manifest
    side = read_side(package, transforms=transforms, order=order)
    if side.component.startswith("homo_"):
        raise FateInputError(
            f"The package of {manifest.who} holds a {side.component}, which is whole at each party.",
            hint="Convert it with FateModelConvertOperator, and serve the graph.",
        )
    if side.role not in ("guest", "host"):
        raise FateInputError(f"{manifest.who} has no columns in the model.", hint="Give the guest's or a host's part.")
    share = _trees(side, manifest.who) if side.component == "hetero_secureboost" else _linear(side)
    return SplitPart(
        role=cast("Literal['guest', 'host']", side.role),
        party_id=manifest.party_id,
        model=ModelKey(job_id=manifest.job_id, model_id=manifest.model_id, model_version=manifest.model_version),
        parties=manifest.parties,
        component=side.component,
        package_sha256=package.sha256,
        terms=terms or SplitTerms(),
        share=share,
    )


def _columns(side: Side, names: Sequence[str]) -> tuple[SplitColumn, ...]:
    return tuple(SplitColumn(name=name, steps=side.steps.of(name)) for name in names)


def _linear(side: Side) -> LinearShare:
    estimators = estimators_of(side)
    header = [str(column) for column in estimators[0]["header"]]
    rows = [weights_of(estimator, len(header), side.who) for estimator in estimators]
    return LinearShare(
        link="identity" if side.component.endswith("_linr") else "sigmoid",
        columns=_columns(side, header),
        weights=tuple(tuple(weights) for weights, _ in rows),
        intercepts=tuple(intercept for _, intercept in rows),
    )


def _trees(side: Side, who: str) -> TreeShare:
    trees = side.model.get("trees") or ()
    if not trees:
        raise FateInputError(f"The part of {who} has no trees.", hint="Export it again.")
    own = [
        (number, int(node["nid"]), node.get("fid"), node.get("bid"))
        for number, tree in enumerate(trees)
        for node in tree["nodes"]
        if not node["is_leaf"] and str(node["sitename"]) == side.who
    ]
    for number, nid, column, at in own:
        if column is None or at is None:
            raise FateInputError(
                f"The part of {who} does not know its split {nid} of tree {number}.",
                hint="Give the package that this party has exported at its own site.",
            )
    names = sorted({str(column) for _, _, column, _ in own})
    place = {name: number for number, name in enumerate(names)}
    return TreeShare(
        columns=_columns(side, names),
        splits=tuple(
            TreeSplit(tree=number, node=nid, column=place[str(column)], at=float(at)) for number, nid, column, at in own
        ),
        shape=_shape(side.model) if side.role == "guest" else None,
    )


def _shape(model: Mapping[str, Any]) -> TreeShape:
    hyper = model.get("hyper_param") or {}
    objective = str(hyper.get("objective"))
    kind = objective.partition(":")[0]
    if kind not in _OBJECTIVES:
        raise FateInputError(f"Objective {objective!r} cannot be served.", hint="binary, multi and regression can.")
    return TreeShape(
        objective=cast("Literal['binary', 'multi', 'regression']", kind),
        rate=float(hyper.get("learning_rate") or 1.0),
        width=int(hyper.get("num_class") or 1) if kind == "multi" else 1,
        start=float(model.get("init_score") or 0.0) if kind == "regression" else 0.0,
        trees=tuple(tuple(_node(node) for node in tree["nodes"]) for tree in model["trees"]),
    )


def _node(node: Mapping[str, Any]) -> SplitNode:
    number = int(node["nid"])
    if node["is_leaf"]:
        return SplitNode(node=number, weight=float(node["weight"]))
    return SplitNode(node=number, owner=str(node["sitename"]), left=int(node["l"]), right=int(node["r"]))
