"""What a job has measured, as typed values; and the document that holds all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, StrictBool, StrictFloat, StrictInt, StrictStr

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Cell",
    "Curve",
    "FeatureImportance",
    "FeatureShare",
    "JobMetrics",
    "MeasuredJob",
    "MeasuredTask",
    "MetricTable",
    "MetricValue",
    "MissingMetric",
    "RawMetric",
]

_NO_JSON = ("NaN", "Infinity", "-Infinity")
"""How JSON says what it has no numbers for."""


def _number(value: object) -> object:
    return float(value) if isinstance(value, str) and value in _NO_JSON else value


Real: TypeAlias = Annotated[float, BeforeValidator(_number)]
"""A number, also one that is infinite or none at all."""
Scalar: TypeAlias = Annotated[StrictBool | StrictInt | StrictFloat | StrictStr, BeforeValidator(_number)]
Cell: TypeAlias = Annotated[StrictBool | StrictInt | StrictFloat | StrictStr | None, BeforeValidator(_number)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), ser_json_inf_nan="strings")


class MeasuredTask(_Part):
    """A task of the job, as this party has run it.

    :param component: the component that it runs; ``None``: not known.
    :param status: how it ended here.
    """

    task: str
    component: str | None
    status: str


class MeasuredJob(_Part):
    """Which job, and which party has measured.

    :param status: of the job when it was read.
    :param parties: all parties of the job, as ``guest 9999``.
    :param tasks: the party's own, in the order in which they ran.
    """

    job_id: str
    role: str
    party_id: str
    status: str
    model_id: str | None = None
    model_version: str | None = None
    parties: tuple[str, ...] = ()
    tasks: tuple[MeasuredTask, ...] = ()

    @property
    def who(self) -> str:
        """The party, for people."""
        return f"{self.role} {self.party_id}"


class _Measured(_Part):
    """What a value belongs to.

    :param task: the task that has measured.
    :param metric: FATE's name of what the task has logged, such as ``evaluation`` or ``summary``.
    :param name: of the measure itself, such as ``auc``.
    :param model: the task whose predictions were judged, or that was trained; ``None``: no model is meant.
    :param dataset: ``train``, ``validate`` or ``test``, or whatever else FATE calls the rows; ``None``: not told.
    :param fold: number of the fold of a cross validation, from 0.
    :param iteration: number of the iteration, from 0 as FATE counts; ``None``: at the end, or over all.
    :param label: the class that is told from the others.
    """

    task: str
    metric: str
    name: str
    model: str | None = None
    dataset: str | None = None
    fold: int | None = None
    iteration: int | None = None
    label: str | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """What tells it from other measures of the job, outermost first."""
        model = None if self.model == self.task else self.model
        fold = None if self.fold is None else f"fold_{self.fold}"
        label = None if self.label is None else f"label_{self.label}"
        return tuple(part for part in (self.task, model, self.dataset, fold, label, self.name) if part)


class MetricValue(_Measured):
    """A single number, or a short text."""

    value: Scalar


class Curve(_Measured):
    """Points of a function.

    :param x_name: what ``x`` is, such as ``false positive rate`` or ``iteration``.
    :param x_unit: ``fraction``, ``score`` or ``count``; ``ratio`` for a quotient that may pass 1; ``None``: as the
        values of the loss or of the label.
    :param threshold: score above which a row was taken as positive, for each point.
    :param cut: fraction of the rows, from the highest score down, at which the threshold was taken.
    :param time: when each point was measured, in seconds since 1970.
    :param made_of: names of the tables of FATE from which the provider has put the points together; ``()``: as FATE
        gives them.
    """

    x_name: str
    y_name: str
    x_unit: str | None = None
    y_unit: str | None = None
    x: tuple[Real, ...]
    y: tuple[Real, ...]
    threshold: tuple[Real, ...] | None = None
    cut: tuple[Real, ...] | None = None
    time: tuple[Real, ...] | None = None
    made_of: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[int, ...] | None:
        """The iterations, for a curve over iterations; else ``None``."""
        return tuple(int(step) for step in self.x) if self.x_unit == "count" else None

    def last(self) -> MetricValue | None:
        """The last value of a curve over iterations, with its iteration; ``None`` for other curves."""
        if not self.steps:
            return None
        place = {name: getattr(self, name) for name in _Measured.model_fields}
        return MetricValue(**place | {"iteration": self.steps[-1]}, value=self.y[-1])


class MetricTable(_Measured):
    """Rows under names.

    :param columns: the names.
    :param rows: each as long as ``columns``.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def column(self, name: str) -> tuple[Cell, ...]:
        """The values of a column, from the first row to the last."""
        place = self.columns.index(name)
        return tuple(row[place] for row in self.rows)


class FeatureShare(_Part):
    """What one column counts for.

    :param feature: its name; that of a partner's column is the one that FATE made up for it.
    :param party: whose it is, as ``host 10000``; ``None``: not told.
    """

    feature: str
    value: Real
    party: str | None = None


class FeatureImportance(_Measured):
    """What the columns of a model count for, the most important first.

    :param name: the measure: ``gain`` (of all splits by the column), ``split`` (how many there are) or ``iv``
        (information value).
    """

    features: tuple[FeatureShare, ...]


class RawMetric(_Part):
    """What a task has logged in a shape that is not known here, as it came.

    :param type: FATE's word for the kind.
    :param groups: what it belongs to, outermost first.
    :param step_axis: what the steps are; ``None``: it has none.
    """

    task: str
    name: str
    type: str | None
    groups: tuple[tuple[str, int | None], ...] = ()
    step_axis: str | None = None
    data: JsonValue


class MissingMetric(_Part):
    """What one would look for, and this party is not shown.

    :param task: the task that would have it; ``None``: the whole job.
    :param what: it would be.
    :param why: it is not there.
    """

    task: str | None
    what: str
    why: str


class JobMetrics(_Part):
    """All that one party of a job is shown of its metrics, as ``metrics.json`` holds it.

    :param values: single numbers and short texts.
    :param curves: over thresholds, or over iterations.
    :param tables: of whatever has columns.
    :param importances: of the columns.
    :param raw: what has an unknown shape.
    :param missing: what this party is not shown, with the reason.
    """

    format: Literal["airflow-provider-fate/job-metrics"] = "airflow-provider-fate/job-metrics"
    format_version: Literal[1] = 1
    job: MeasuredJob
    values: tuple[MetricValue, ...] = ()
    curves: tuple[Curve, ...] = ()
    tables: tuple[MetricTable, ...] = ()
    importances: tuple[FeatureImportance, ...] = ()
    raw: tuple[RawMetric, ...] = ()
    missing: tuple[MissingMetric, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was measured."""
        return not (self.values or self.curves or self.tables or self.importances or self.raw)

    def curve(self, name: str, **place: str | int | None) -> Curve:
        """The one curve of a name.

        :param place: more of it where several have the name: ``dataset="validate"``, ``fold=0``, ``model="sbt_0"``...
        :raises FateInputError: there is none, or several.
        """
        return _the_one("curve", self.curves, name, place)

    def table(self, name: str, **place: str | int | None) -> MetricTable:
        """The one table of a name; see :meth:`curve`."""
        return _the_one("table", self.tables, name, place)

    def value(self, name: str, **place: str | int | None) -> bool | int | float | str:
        """The one value of a name, or the last one of a curve over iterations; see :meth:`curve`.

        What a task has logged twice is one value where both are the same.
        """
        once = {(one.path, one.iteration, one.value): one for one in self.final()}
        return _the_one("value", tuple(once.values()), name, place).value

    def final(self) -> Iterator[MetricValue]:
        """All single values, and the last ones of curves over iterations."""
        yield from self.values
        yield from (last for curve in self.curves if (last := curve.last()) is not None)

    def to_json(self) -> str:
        """As it stands in ``metrics.json``. The same metrics give the same text."""
        return self.model_dump_json(indent=1) + "\n"

    @classmethod
    def read(cls, url: str | Path) -> JobMetrics:
        """Read what ``FateMetricsOperator`` or ``airflow fate metrics --output-file`` has written.

        :param url: the folder, or the JSON file in it: a path, or a URL such as ``s3://aws_default@bucket/metrics``.
        :raises FateInputError: it is not there, or is no such document, or of a version that is not known here.
        """
        from airflow_provider_fate.metrics.files import read_metrics

        return read_metrics(str(url))


_Kind = TypeVar("_Kind", bound=_Measured)


def _the_one(kind: str, found: Sequence[_Kind], name: str, place: dict[str, str | int | None]) -> _Kind:
    from airflow_provider_fate.errors import FateInputError

    fitting = [one for one in found if one.name == name and all(getattr(one, k) == v for k, v in place.items())]
    if len(fitting) == 1:
        return fitting[0]
    there = ", ".join(sorted({".".join(one.path) for one in fitting or found})) or "none"
    wanted = ", ".join([name, *(f"{key}={value!r}" for key, value in place.items())])
    raise FateInputError(
        f"There {'is no' if not fitting else 'are several of'} {kind} {wanted}.",
        hint=f"There are: {there}. Tell them apart by task, model, dataset, fold, iteration or label.",
    )
