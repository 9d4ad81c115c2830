"""Linear models: homo LR, and the parts of a hetero LR or LinR put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.models.convert.graph import Graph, Step, column_names
from airflow_provider_fate.models.convert.reading import Side

__all__ = ["hetero_linear", "homo_coefficients", "homo_lr"]


def homo_lr(side: Side, columns: Sequence[str] | None, graph: Graph) -> tuple[str, int]:
    """Add a homo LR: a sigmoid, and over several classes a softmax *of the sigmoids*, as FATE normalises.

    :param columns: the columns in the order of the training table; FATE's model has no names.
    :returns: name of the scores, and how many there are for each row.
    :raises FateInputError: the number of columns is another one.
    """
    weights, biases = homo_coefficients(side.model)
    classes = len(weights)
    if columns is None or len(columns) != len(weights[0]) or len(set(columns)) != len(columns):
        given = "none" if columns is None else f"{len(columns)}: {', '.join(columns)}"
        raise FateInputError(
            f"The homo LR was trained on {len(weights[0])} columns, and columns={given}.",
            hint="FATE writes no names into it. Give those of the training table in order, as the model card has them.",
        )
    values = graph.columns([(name, side.steps.of(name)) for name in columns])
    linear = graph.node("Gemm", [values, graph.constant(weights), graph.constant(biases)], transB=1)
    scores = graph.node("Sigmoid", [linear])
    return (scores, 1) if classes == 1 else (graph.node("Softmax", [scores], axis=1), classes)


def homo_coefficients(learnt: Mapping[str, Any]) -> tuple[list[list[float]], list[float]]:
    """Coefficients and intercepts of a homo LR, one line for each class; one line where there are two.

    :raises FateInputError: they are not there.
    """
    model = (learnt.get("param") or {}).get("model") or {}
    state, classes = model.get("state_dict") or {}, int(model.get("label_num") or 0)
    weights = [state[f"models.{number}.weight"][0] for number in range(classes) if f"models.{number}.weight" in state]
    biases = [state.get(f"models.{number}.bias", [0.0])[0] for number in range(classes)]
    if not classes or len(weights) != classes:
        raise FateInputError(
            "The homo LR has no weights where FATE 2.2 writes them.", hint="Was it trained by another FATE?"
        )
    return weights, biases


def hetero_linear(sides: Sequence[Side], graph: Graph) -> tuple[str, int]:
    """Add the parts of a hetero LR or LinR: a sum over all columns of all parties.

    :param sides: the guest's first.
    :returns: name of the scores, and how many there are for each row.
    :raises FateInputError: parts do not fit to each other.
    """
    parts = [estimators_of(side) for side in sides]
    classes = len(parts[0])
    if any(len(part) != classes for part in parts):
        raise FateInputError(
            f"The parts have {', '.join(str(len(part)) for part in parts)} classes: they are not of one model.",
            hint="Give the packages of all parties of one job.",
        )
    headers = [[str(column) for column in part[0]["header"]] for part in parts]
    names = column_names([(side.who, header) for side, header in zip(sides, headers, strict=True)])
    rows: list[list[float]] = [[] for _ in range(classes)]
    biases = [0.0] * classes
    inputs: list[tuple[str, Sequence[Step]]] = []
    for side, header, part in zip(sides, headers, parts, strict=True):
        inputs += [(names[side.who, column], side.steps.of(column)) for column in header]
        for number, estimator in enumerate(part):
            weights, intercept = weights_of(estimator, len(header), side.who)
            rows[number] += weights
            biases[number] += intercept
    values = graph.columns(inputs)
    linear = graph.node("Gemm", [values, graph.constant(rows), graph.constant(biases)], transB=1)
    if sides[0].component.endswith("_linr"):
        return linear, classes
    return graph.node("Sigmoid", [linear]), classes


def estimators_of(side: Side) -> list[Mapping[str, Any]]:
    """One for each class, in the order of the classes; a single one where there are two."""
    found = (side.model.get("data") or {}).get("estimator")
    if isinstance(found, Mapping) and "param" not in found:
        found = [found[key] for key in sorted(found, key=lambda key: (len(str(key)), str(key)))]
    given = found if isinstance(found, list) else [found]
    estimators = [one for one in given if isinstance(one, Mapping) and one.get("param") and one.get("header")]
    if not given or len(estimators) != len(given):
        raise FateInputError(
            f"The part of {side.who} has no coefficients where FATE 2.2 writes them.",
            hint="Was it trained by another FATE?",
        )
    return estimators


def weights_of(estimator: Mapping[str, Any], columns: int, who: str) -> tuple[list[float], float]:
    param = estimator["param"]
    weights = [float(row[0] if isinstance(row, list) else row) for row in param["coef_"]]
    if len(weights) != columns:
        raise FateInputError(
            f"The part of {who} has {len(weights)} coefficients for {columns} columns.", hint="Export it again."
        )
    intercept = param.get("intercept_")
    if isinstance(intercept, list):
        intercept = intercept[0] if intercept else 0.0
    return weights, float(intercept or 0.0)
