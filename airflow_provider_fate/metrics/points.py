"""The metrics of a job as a tracking server takes them: a key, a number, and a step."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from airflow_provider_fate.metrics.document import JobMetrics
from airflow_provider_fate.metrics.model import Curve

__all__ = ["MeasuredPoint", "metric_points"]

_FORBIDDEN = re.compile(r"[^\w./ -]", re.ASCII)
_LONGEST = 250
"""Characters of a key, of which MLflow takes no more."""


class MeasuredPoint(NamedTuple):
    """One measurement.

    :param key: its name.
    :param value: a finite number.
    :param step: the iteration; 0 for what was measured once.
    """

    key: str
    value: float
    step: int


def metric_points(metrics: JobMetrics, *, curves: bool = False) -> list[MeasuredPoint]:
    """All numbers of a job, as ``(key, value, step)``, for ``log-batch`` of MLflow or what takes the like.

    Keys name what is measured from the outside in: ``evaluation_0/sbt_0/train/auc``, ``sbt_0/train/fold_1/sbt_loss``.
    They hold only what MLflow allows in a key. A curve over iterations has a point for each, with the iteration as its
    step; a single number has the step 0, or the iteration in which it was measured. What is no finite number is left
    out, and so are texts and tables.

    :param curves: also those over thresholds (ROC, KS, gain, ...), as two keys with ``/x`` and ``/y`` at their ends,
        and the number of the point as the step; and importances, as ``.../gain/<column>``.
    """
    points = list(_numbers(metrics))
    if curves:
        points += [point for curve in metrics.curves if not curve.steps for point in _drawn(curve)]
        for importance in metrics.importances:
            names = [(share.party or "", share.feature) for share in importance.features]
            for share in importance.features:
                twice = sum(feature == share.feature for _, feature in names) > 1
                column = f"{share.party} {share.feature}" if twice else share.feature
                points.append(MeasuredPoint(_key(*importance.path, column), float(share.value), 0))
    return list(dict.fromkeys(point for point in points if math.isfinite(point.value)))


def _numbers(metrics: JobMetrics) -> Iterator[MeasuredPoint]:
    for value in metrics.values:
        if not isinstance(value.value, str):
            yield MeasuredPoint(_key(*value.path), float(value.value), value.iteration or 0)
    for curve in metrics.curves:
        for step, y in zip(curve.steps or (), curve.y if curve.steps else (), strict=True):
            yield MeasuredPoint(_key(*curve.path), y, step)


def _drawn(curve: Curve) -> Iterator[MeasuredPoint]:
    key = _key(*curve.path)
    for number, (x, y) in enumerate(zip(curve.x, curve.y, strict=True)):
        yield MeasuredPoint(f"{key}/x", x, number)
        yield MeasuredPoint(f"{key}/y", y, number)


def _key(*path: str) -> str:
    """A key that MLflow takes; of a long one the end, which tells most."""
    parts = (_FORBIDDEN.sub("_", part.replace("/", "_")) for part in path)
    return "/".join(part if part.strip(". ") else "_" for part in parts)[-_LONGEST:].strip("/. ")
