"""What a job has measured, as typed values."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, StrictBool, StrictFloat, StrictInt, StrictStr

__all__ = [
    "Cell",
    "Curve",
    "FeatureImportance",
    "FeatureShare",
    "Measured",
    "MeasuredJob",
    "MeasuredTask",
    "MetricTable",
    "MetricValue",
    "MetricsPart",
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


class MetricsPart(BaseModel):
    """What all parts of the document have in common: no more fields than those that are known, and none changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), ser_json_inf_nan="strings")


class MeasuredTask(MetricsPart):
    """A task of the job, as this party has run it.

    :param component: the component that it runs; ``None``: not known.
    :param status: how it ended here.
    """

    task: str
    component: str | None
    status: str


class MeasuredJob(MetricsPart):
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


class Measured(MetricsPart):
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


class MetricValue(Measured):
    """A single number, or a short text."""

    value: Scalar


class Curve(Measured):
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
        place = {name: getattr(self, name) for name in Measured.model_fields}
        return MetricValue(**place | {"iteration": self.steps[-1]}, value=self.y[-1])


class MetricTable(Measured):
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


class FeatureShare(MetricsPart):
    """What one column counts for.

    :param feature: its name; that of a partner's column is the one that FATE made up for it.
    :param party: whose it is, as ``host 10000``; ``None``: not told.
    """

    feature: str
    value: Real
    party: str | None = None


class FeatureImportance(Measured):
    """What the columns of a model count for, the most important first.

    :param name: the measure: ``gain`` (of all splits by the column), ``split`` (how many there are) or ``iv``
        (information value).
    """

    features: tuple[FeatureShare, ...]


class RawMetric(MetricsPart):
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


class MissingMetric(MetricsPart):
    """What one would look for, and this party is not shown.

    :param task: the task that would have it; ``None``: the whole job.
    :param what: it would be.
    :param why: it is not there.
    """

    task: str | None
    what: str
    why: str
