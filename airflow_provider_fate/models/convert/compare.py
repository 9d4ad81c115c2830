"""What a converted model gives, next to what FATE has given for the same rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow_provider_fate.errors import FateConfigError, FateInputError

if TYPE_CHECKING:
    from airflow_provider_fate.models.convert.convert import Converted

__all__ = ["largest_difference", "require_equal", "scores_of"]


def scores_of(converted: Converted, rows: Mapping[str, Sequence[float]]) -> list[list[float]]:
    """Run the graph in onnxruntime.

    :param rows: values of each input, by its name.
    :raises FateInputError: an input is missing, or they have different lengths.
    :raises FateConfigError: onnxruntime is not installed.
    """
    try:
        import numpy as np
        import onnxruntime
    except ImportError:
        raise FateConfigError(
            "The package onnxruntime is not installed here.", hint="Install airflow-provider-fate[onnx] on the worker."
        ) from None
    if missing := [name for name in converted.inputs if name not in rows]:
        raise FateInputError(
            f"Columns {', '.join(missing)} are missing.", hint=f"The model takes {', '.join(converted.inputs)}."
        )
    if len({len(rows[name]) for name in converted.inputs}) > 1:
        raise FateInputError("The columns have different numbers of rows.", hint="Give a value of each for each row.")
    feed = {name: np.asarray(rows[name], dtype=np.float32).reshape(-1, 1) for name in converted.inputs}
    session = onnxruntime.InferenceSession(converted.onnx, providers=["CPUExecutionProvider"])
    (scores,) = session.run(["score"], feed)
    found: list[list[float]] = scores.astype(float).tolist()
    return found


def require_equal(
    converted: Converted,
    rows: Mapping[str, Sequence[float]],
    expected: Sequence[float | Sequence[float]],
    tolerance: float = 1e-5,
) -> float:
    """Compare the graph with FATE's own scores, row by row.

    :param rows: values of each input, by its name.
    :param expected: ``predict_score`` of FATE for the same rows: a number, or one for each class.
    :param tolerance: largest difference; of scores beyond 1, as regressions give, a share of the score.
    :returns: the largest difference that was found.
    :raises FateInputError: a row differs by more, or there is none to compare.
    """
    found = scores_of(converted, rows)
    if not expected or len(found) != len(expected):
        raise FateInputError(
            f"{len(found)} rows were scored, and FATE has scored {len(expected)}.", hint="Give the same rows to both."
        )
    return largest_difference(found, expected, tolerance, what="The graph")


def largest_difference(
    found: Sequence[Sequence[float]], expected: Sequence[float | Sequence[float]], tolerance: float, *, what: str
) -> float:
    """Compare scores with FATE's, row by row.

    :param what: has given the scores, as the beginning of a sentence.
    :returns: the largest difference that was found.
    :raises FateInputError: a row differs by more than the tolerance.
    """
    largest = 0.0
    for number, (ours, fates) in enumerate(zip(found, expected, strict=True)):
        wanted = [float(one) for one in fates] if isinstance(fates, Sequence) else [float(fates)]
        if len(wanted) != len(ours):
            raise FateInputError(
                f"{what} gives {len(ours)} scores for a row, and FATE has given {len(wanted)}.",
                hint="Compare with predictions of the same model.",
            )
        for one, other in zip(ours, wanted, strict=True):
            off = abs(one - other) / max(1.0, abs(other))
            if math.isnan(off) or off > tolerance:
                raise FateInputError(
                    f"Row {number + 1}: {what[0].lower()}{what[1:]} gives {one!r}, FATE has given {other!r}, which is "
                    f"more than {tolerance:g} apart.",
                    hint=f"{what} is not to be used. Is there a step before the model that is not in the packages?",
                )
            largest = max(largest, off)
    return largest
