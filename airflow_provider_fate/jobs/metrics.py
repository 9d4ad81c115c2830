"""One flat mapping of what a job measured, from the shapes that FATE's components log."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol, TypeAlias

__all__ = ["MetricLike", "summarize_metrics"]

Scalar: TypeAlias = float | int | str | bool

# For the short name ("auc") the rows that the model has not seen count more than those that it was trained on.
_DATASETS = ("test_set", "validate_set", "train_set")
_FOLDS = "cross_validations"
"""FATE's name for the group of a metric that belongs to a fold."""
# Short names that are about data or counting would say nothing without the task that they belong to.
_QUALITY = frozenset(
    (
        *("auc", "ks", "rmse", "mae", "mse", "r2_score"),
        *("binary_accuracy", "binary_precision", "binary_recall", "binary_f1_score"),
        *("multi_accuracy", "multi_precision", "multi_recall", "multi_f1_score"),
    )
)


class MetricLike(Protocol):
    """A metric as the client reads it."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def type(self) -> str | None: ...  # noqa: D102
    @property
    def data(self) -> object: ...  # noqa: D102


def summarize_metrics(metrics: Mapping[str, Iterable[MetricLike]]) -> dict[str, Scalar]:
    """Return what can be put into one line each: ``{"auc": 0.99, "evaluation_0.sbt_0.train_set.auc": 0.99, ...}``.

    Numbers and short texts keep the name of their task before them. Of a series over iterations (a loss) the last value
    is kept, and its length as ``<name>.steps``; of a cross validation that of each fold, under ``fold_0`` and so on.
    Tables (KS, gain, confusion, ...) are left out; read them from FATE.
    Names of quality alone (``auc``, ``rmse``, ...) stand for the best evidence there is: rows held out rather than
    rows of the training, and the first model evaluated.

    :param metrics: metrics by task, as the client returns them. Whatever has an unknown shape is left out.
    """
    flat: dict[str, Scalar] = {}
    for task, logged in metrics.items():
        for metric in logged:
            for path, value in _entries(metric):
                flat[".".join((task, *_fold(metric), *path))] = value
    return {**_short_names(flat), **flat}


def _fold(metric: MetricLike) -> Iterator[str]:
    """The fold that a metric was logged in, so that it does not overwrite that of the fold before."""
    for group in getattr(metric, "groups", ()):
        if group.name == _FOLDS and group.index is not None:
            yield f"fold_{group.index}"


def _entries(metric: MetricLike) -> Iterator[tuple[tuple[str, ...], Scalar]]:
    data = metric.data
    if metric.type == "evaluation" and isinstance(data, Mapping):
        for model, datasets in data.items():
            for dataset, values in datasets.items() if isinstance(datasets, Mapping) else ():
                for name, value in _evaluated(values):
                    yield (str(model), str(dataset), name), value
    elif isinstance(data, Mapping):
        yield from _leaves(data, ())
    elif isinstance(data, list):
        points = [point for point in data if isinstance(point, Mapping)]
        final = _scalar(points[-1].get("metric")) if points else None
        if final is not None:
            yield (metric.name,), final
            step = points[-1].get("step")
            yield (metric.name, "steps"), step + 1 if isinstance(step, int) else len(points)
    elif (alone := _scalar(data)) is not None:
        yield (metric.name,), alone


def _evaluated(values: object) -> Iterator[tuple[str, Scalar]]:
    """Yield the metrics in ``[{"metric": "auc", "val": 0.9}, [{"metric": "ks", ...}, ...]]``, however it is nested."""
    if isinstance(values, list):
        for value in values:
            yield from _evaluated(value)
    elif isinstance(values, Mapping) and (found := _scalar(values.get("val"))) is not None:
        yield str(values.get("metric")), found


def _leaves(data: Mapping[object, object], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Scalar]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, str(key)))
        elif (found := _scalar(value)) is not None:
            yield (*path, str(key)), found


def _scalar(value: object) -> Scalar | None:
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON, and so XCom, has no NaN
    if isinstance(value, bool | int | float):
        return value
    return value if isinstance(value, str) and len(value) <= 200 else None


def _short_names(flat: Mapping[str, Scalar]) -> dict[str, Scalar]:
    best: dict[str, tuple[int, Scalar]] = {}
    for path, value in flat.items():
        *_, dataset, name = ("", *path.split("."))
        if name not in _QUALITY or path.count(".") < 3:
            continue
        rank = _DATASETS.index(dataset) if dataset in _DATASETS else len(_DATASETS)
        if name not in best or rank < best[name][0]:
            best[name] = (rank, value)
    return {name: value for name, (_, value) in best.items()}
