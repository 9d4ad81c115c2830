"""SecureBoost: trees whose splits are spread over the parties, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.convert.graph import Graph, column_names
from airflow_provider_fate.models.convert.reading import Side

__all__ = ["secureboost"]

_NEARLY = 1e-8
"""FATE goes left where a value is at most the split and this."""


def secureboost(sides: Sequence[Side], graph: Graph) -> tuple[str, int]:
    """Add the trees of a hetero SecureBoost.

    The guest has the shape of each tree and the weights of its leaves; column and value of a split are known to the
    party that has the column.

    :param sides: the guest's first.
    :returns: name of the scores, and how many there are for each row.
    :raises FateInputError: parts do not fit to each other, or one is missing.
    """
    guest = sides[0].model
    hyper = guest.get("hyper_param") or {}
    objective, rate = str(hyper.get("objective")), float(hyper.get("learning_rate") or 1.0)
    if objective.partition(":")[0] not in ("binary", "multi", "regression"):
        raise FateInputError(f"Objective {objective!r} cannot be converted.", hint="binary, multi and regression can.")
    width = int(hyper.get("num_class") or 1) if objective.startswith("multi") else 1
    forest = [_tree(sides, number) for number in range(len(guest.get("trees") or ()))]
    if not forest:
        raise FateInputError("The guest's part has no trees.", hint="Export it again.")
    used = [
        (side.who, sorted({c for tree in forest for who, c, _ in tree.values() if who == side.who})) for side in sides
    ]
    names = column_names(used)
    order = list(names)
    steps = {side.who: side.steps for side in sides}
    if not order:
        raise FateInputError("No tree has a split: the model gives every row the same score.", hint="Train longer.")
    values = graph.columns([(names[who, column], steps[who].of(column)) for who, column in order])
    attributes = _Attributes()
    for number, tree in enumerate(guest["trees"]):
        for node in tree["nodes"]:
            attributes.add(number, node, forest[number].get(int(node["nid"])), order, rate, width)
    scores = graph.node(
        "TreeEnsembleRegressor", [values], domain="ai.onnx.ml", n_targets=width, aggregate_function="SUM",
        post_transform="NONE", **attributes.all,
    )  # fmt: skip
    if objective.startswith("binary"):
        return graph.node("Sigmoid", [scores]), 1
    if objective.startswith("multi"):
        return graph.node("Softmax", [scores], axis=1), width
    return graph.node("Add", [scores, graph.constant([float(guest.get("init_score") or 0.0)])]), 1


def _tree(sides: Sequence[Side], number: int) -> dict[int, tuple[str, str, float]]:
    """Party, column and value of each split of a tree."""
    owners = {side.who: side for side in sides}
    found: dict[int, tuple[str, str, float]] = {}
    for node in sides[0].model["trees"][number]["nodes"]:
        if node["is_leaf"]:
            continue
        who, nid = str(node["sitename"]), int(node["nid"])
        if who not in owners:
            raise FateInputError(
                f"Tree {number} has a split of {who}, whose part is missing.",
                hint="Give the packages of all parties of the job.",
            )
        trees = owners[who].model.get("trees") or ()
        own = _node(trees[number]["nodes"], nid) if number < len(trees) else None
        if own is None or own.get("fid") is None or own.get("bid") is None:
            raise FateInputError(
                f"The part of {who} does not know its split {nid} of tree {number}: it is not of the same model.",
                hint="Give the packages of all parties of one job.",
            )
        found[nid] = (who, str(own["fid"]), float(own["bid"]))
    return found


def _node(nodes: Sequence[Mapping[str, Any]], nid: int) -> Mapping[str, Any] | None:
    return next((node for node in nodes if int(node["nid"]) == nid), None)


def _split_value(value: float) -> float:
    """The largest number of 32 bits that FATE would send to the left, so that both compare alike."""
    import numpy as np

    limit = value + _NEARLY
    nearest = np.float32(limit)
    return float(nearest if float(nearest) <= limit else np.nextafter(nearest, np.float32(-np.inf)))


class _Attributes:
    """What ONNX wants to know of trees, in lists that run side by side."""

    def __init__(self) -> None:
        self.all: dict[str, Any] = {
            name: []
            for name in (
                "nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_modes", "nodes_values",
                "nodes_truenodeids", "nodes_falsenodeids", "nodes_missing_value_tracks_true",
                "target_treeids", "target_nodeids", "target_ids", "target_weights",
            )
        }  # fmt: skip

    def add(
        self,
        tree: int,
        node: Mapping[str, Any],
        split: tuple[str, str, float] | None,
        order: Sequence[tuple[str, str]],
        rate: float,
        width: int,
    ) -> None:
        leaf = split is None
        values = {
            "treeids": tree,
            "nodeids": int(node["nid"]),
            "featureids": 0 if split is None else order.index(split[:2]),
            "modes": "LEAF" if leaf else "BRANCH_LEQ",
            "values": 0.0 if split is None else _split_value(split[2]),
            "truenodeids": 0 if leaf else int(node["l"]),
            "falsenodeids": 0 if leaf else int(node["r"]),
            "missing_value_tracks_true": 0,  # FATE compares, and a missing value is not smaller
        }
        for name, value in values.items():
            self.all[f"nodes_{name}"].append(value)
        if leaf:
            target = {"treeids": tree, "nodeids": int(node["nid"]), "ids": tree % width}
            for name, number in target.items():
                self.all[f"target_{name}"].append(number)
            self.all["target_weights"].append(float(node["weight"]) * rate)
