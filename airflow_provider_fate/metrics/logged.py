"""From what a task has logged to typed values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeGuard

from airflow_provider_fate.metrics.evaluation import as_columns, as_table, curves_of, dataset_of, precision_recall
from airflow_provider_fate.metrics.model import (
    Curve,
    FeatureImportance,
    MetricTable,
    MetricValue,
    RawMetric,
)

__all__ = ["Found", "LoggedGroup", "LoggedMetric", "read_logged"]

_FOLDS, _CLASSES, _ITERATIONS = "cross_validations", "class", "iterations"
"""FATE's names of the groups of which a task makes one for each fold, class and iteration."""
_STEPS = {"iterations": "iteration", "aggregation": "round of aggregation", "nn_loss": "epoch or batch"}
_WHOLE = ("summary", "intersect_id_count", "upload")
"""What is logged under these names says by its keys what it is."""


class LoggedGroup(Protocol):
    """One of the groups that a metric belongs to, as the client reads it."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def index(self) -> int | None: ...  # noqa: D102


class LoggedMetric(Protocol):
    """A metric, as the client reads it."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def type(self) -> str | None: ...  # noqa: D102
    @property
    def groups(self) -> Sequence[LoggedGroup]: ...  # noqa: D102
    @property
    def step_axis(self) -> str | None: ...  # noqa: D102
    @property
    def data(self) -> Any: ...  # noqa: D102


@dataclass
class Found:
    """What was found so far."""

    values: list[MetricValue] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    tables: list[MetricTable] = field(default_factory=list)
    importances: list[FeatureImportance] = field(default_factory=list)
    raw: list[RawMetric] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Take over all of another."""
        self.values += other.values
        self.curves += other.curves
        self.tables += other.tables
        self.importances += other.importances
        self.raw += other.raw


def read_logged(task: str, metrics: Iterable[LoggedMetric], *, as_it_is: bool = False) -> Found:
    """Read the metrics of a task. What has an unknown shape is kept as it is.

    :param metrics: as the client returns them: of a series over iterations, one for each.
    :param as_it_is: keep all of them as they are: they are not what their shapes say.
    """
    found = Found()
    if as_it_is:
        found.raw += [_raw(task, metric, metric.data) for metric in metrics]
        return found
    for together in _series(metrics):
        metric = together[0]
        if metric.step_axis is not None or len(together) > 1:
            _read_series(found, task, together)
        elif metric.type == "evaluation" and isinstance(metric.data, Mapping):
            _read_evaluation(found, task, metric)
        elif metric.type == "roc" and (points := _pairs(metric.data)):
            found.curves.append(
                Curve(
                    **_place(task, metric), x=[x for x, _ in points], y=[y for _, y in points], x_unit="fraction",
                    x_name="false positive rate", y_name="true positive rate", y_unit="fraction",
                )
            )  # fmt: skip
        else:
            _read_leaves(found, task, metric, metric.data, ())
    return found


def _series(metrics: Iterable[LoggedMetric]) -> list[list[LoggedMetric]]:
    """Metrics, those of one series together; in the order in which each was first logged."""
    together: dict[object, list[LoggedMetric]] = {}
    for number, metric in enumerate(metrics):
        groups = tuple((group.name, group.index) for group in metric.groups)
        alone = None if metric.step_axis is not None else number
        together.setdefault((metric.name, metric.type, groups, metric.step_axis, alone), []).append(metric)
    return list(together.values())


def _place(task: str, metric: LoggedMetric) -> dict[str, Any]:
    """What a metric belongs to, as its groups tell."""
    place: dict[str, Any] = {"task": task, "metric": metric.name, "name": metric.name}
    other = []
    for group in metric.groups:
        if group.index is None:
            continue
        if group.name == _FOLDS:
            place["fold"] = group.index
        elif group.name == _CLASSES:
            place["label"] = str(group.index)
        elif group.name == _ITERATIONS:
            place["iteration"] = group.index
        else:
            other.append(f"{group.name}_{group.index}")
    if other:
        place["name"] = ".".join((*other, metric.name))
    return place


def _raw(task: str, metric: LoggedMetric, data: Any, name: str | None = None) -> RawMetric:
    groups = tuple((group.name, group.index) for group in metric.groups)
    return RawMetric(
        task=task, name=name or metric.name, type=metric.type, groups=groups, step_axis=metric.step_axis, data=data
    )


# --- over iterations --------------------------------------------------------------------------------------------------


def _read_series(found: Found, task: str, together: Sequence[LoggedMetric]) -> None:
    metric = together[0]
    points = []
    for part in together:
        for point in part.data if isinstance(part.data, list) else [part.data]:
            if (read := _point(point)) is None:
                found.raw.append(_raw(task, metric, point))
            else:
                points.append(read)
    if not points:
        return
    points.sort(key=lambda point: point[0])
    times = tuple(time for _, _, time in points if time is not None)
    axis = metric.step_axis or "step"
    found.curves.append(
        Curve(
            **_place(task, metric) | {"model": task, "dataset": "train" if metric.type == "loss" else None},
            x_name=_STEPS.get(axis, axis),
            x_unit="count",
            y_name=metric.type or metric.name,
            x=tuple(step for step, _, _ in points),
            y=tuple(value for _, value, _ in points),
            time=times if len(times) == len(points) else None,
        )
    )


def _point(point: object) -> tuple[int, float, float | None] | None:
    if not isinstance(point, Mapping):
        return None
    value, step, time = point.get("metric"), point.get("step"), point.get("timestamp")
    if isinstance(value, list) and len(value) == 1:  # a tensor of one number
        value = value[0]
    if not _is_number(value) or not isinstance(step, int):
        return None
    return step, value, time if _is_number(time) else None


# --- an evaluation ----------------------------------------------------------------------------------------------------


def _read_evaluation(found: Found, task: str, metric: LoggedMetric) -> None:
    """``{"sbt_0": {"train_set": [{"metric": "auc", "val": 0.9}, [{"metric": "ks", ...}, ...]]}}``."""
    for model, datasets in metric.data.items():
        if not isinstance(datasets, Mapping):
            found.raw.append(_raw(task, metric, datasets, str(model)))
            continue
        for dataset, entries in datasets.items():
            place = _place(task, metric) | {"model": str(model), "dataset": dataset_of(str(dataset))}
            drawn: list[Curve] = []
            for entry in _flat(entries):
                name = entry.get("metric") if isinstance(entry, Mapping) else None
                if not isinstance(name, str) or not isinstance(entry, Mapping) or set(entry) != {"metric", "val"}:
                    found.raw.append(_raw(task, metric, entry, f"{model}.{dataset}"))
                    continue
                drawn += _read_entry(found, metric, place | {"name": name}, entry["val"])
            found.curves += drawn
            if (both := precision_recall(drawn)) is not None:
                found.curves.append(both)


def _flat(entries: object) -> Iterator[object]:
    if isinstance(entries, list):
        for entry in entries:
            yield from _flat(entry)
    else:
        yield entries


def _read_entry(found: Found, metric: LoggedMetric, place: dict[str, Any], value: Any) -> list[Curve]:
    if isinstance(value, bool | int | float | str):
        found.values.append(MetricValue(**place, value=value))
    elif (columns := as_columns(value)) is not None and (curves := curves_of(place, columns)):
        return curves
    elif columns is not None and (table := as_table(place, columns)) is not None:
        found.tables.append(table)
    else:
        name = ".".join((str(place["model"]), str(place["dataset"]), str(place["name"])))
        found.raw.append(_raw(str(place["task"]), metric, value, name))
    return []


# --- everything else --------------------------------------------------------------------------------------------------


def _read_leaves(found: Found, task: str, metric: LoggedMetric, data: Any, path: tuple[str, ...]) -> None:
    """``{"total": {"original_count": 569}}``, nested as it may be: a value for each leaf."""
    if isinstance(data, bool | int | float | str):
        place = _place(task, metric)
        before = () if place["name"] in _WHOLE and path else (str(place["name"]),)
        found.values.append(MetricValue(**place | {"name": ".".join((*before, *path))}, value=data))
    elif isinstance(data, Mapping) and data:
        for key, value in data.items():
            _read_leaves(found, task, metric, value, (*path, str(key)))
    else:
        found.raw.append(_raw(task, metric, data, ".".join((metric.name, *path))))


def _pairs(data: object) -> list[tuple[float, float]]:
    """Points as ``[[x, y], ...]``; ``[]``: it is something else."""
    if not isinstance(data, list):
        return []
    pairs = [(one[0], one[1]) for one in data if isinstance(one, list) and len(one) == 2 and all(map(_is_number, one))]
    return pairs if len(pairs) == len(data) else []


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
