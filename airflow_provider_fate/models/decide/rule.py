"""By which rule a challenger is compared with the champion. Light: DAG files import this."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from airflow_provider_fate.errors import FateInputError

__all__ = ["METRICS", "MetricName", "Requirement", "ScoreComparison"]

MetricName = Literal["auc", "ks", "logloss", "accuracy", "rmse", "mae"]
Requirement = Literal["better", "not_worse", "not_shown_worse"]
METRICS: tuple[MetricName, ...] = get_args(MetricName)
_MOST_RESAMPLES = 100_000


@dataclass(frozen=True)
class ScoreComparison:
    """How two tables of scores of the same rows are compared.

    :param metric: what decides: ``auc``, ``logloss`` and ``accuracy`` of two classes or more, ``ks`` of two, ``rmse``
        and ``mae`` of numbers. Of several classes ``auc`` is the mean of each class against the rest.
    :param require: what the challenger must be. ``better``: the whole interval of the difference is on its side.
        ``not_worse``: the whole interval is above ``-margin``. ``not_shown_worse``: anything but ``worse``.
    :param margin: by so much it may be worse and still counts as not worse; in units of the metric.
    :param level: of the confidence interval, such as 0.95.
    :param resamples: how often the rows are drawn anew for the interval.
    :param seed: of the draws: the same tables always give the same interval.
    :param min_rows: fewer rows in common are not judged.
    :param min_per_class: nor are classes with fewer rows.
    :param max_unmatched: which part of all rows may have a score in one table only, from 0 to 1.
    :param id: column that names a row.
    :param label: column of the true value.
    :raises FateInputError: one of them cannot be.
    """

    metric: MetricName = "auc"
    require: Requirement = "not_worse"
    margin: float = 0.0
    level: float = 0.95
    resamples: int = 1000
    seed: int = 0
    min_rows: int = 100
    min_per_class: int = 10
    max_unmatched: float = 0.0
    id: str = "id"
    label: str = "label"

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise FateInputError(f"metric={self.metric!r} is unknown.", hint=f"Write one of {', '.join(METRICS)}.")
        if self.require not in get_args(Requirement):
            raise FateInputError(
                f"require={self.require!r} is unknown.", hint=f"Write one of {', '.join(get_args(Requirement))}."
            )
        self._check("margin", 0, math.inf, "a number from 0 on")
        self._check("level", 0.5, 0.9999, "a share such as 0.95")
        self._check("max_unmatched", 0, 1, "a share from 0 to 1")
        self._check("resamples", 100, _MOST_RESAMPLES, f"a whole number from 100 to {_MOST_RESAMPLES:,}", whole=True)
        self._check("seed", 0, 2**63, "a whole number from 0 on", whole=True)
        self._check("min_rows", 1, math.inf, "a whole number from 1 on", whole=True)
        self._check("min_per_class", 1, math.inf, "a whole number from 1 on", whole=True)
        for name in ("id", "label"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise FateInputError(f"{name}={getattr(self, name)!r} names no column.", hint="Write its name.")

    @classmethod
    def of(cls, given: ScoreComparison | Mapping[str, Any] | None) -> ScoreComparison:
        """What the argument of an operator says, after its templates were rendered.

        :raises FateInputError: it is neither a comparison nor a mapping with the names of its fields.
        """
        if isinstance(given, cls):
            return given
        if given is None:
            return cls()
        known = [field.name for field in fields(cls)]
        if not isinstance(given, Mapping) or not set(given) <= set(known):
            raise FateInputError(
                f"compare={given!r} is not a comparison.", hint=f"Give ScoreComparison({'=..., '.join(known)}=...)."
            )
        return cls(**given)

    def _check(self, name: str, low: float, high: float, what: str, *, whole: bool = False) -> None:
        """Make a number of a field, which may be text that a template has made."""
        value = getattr(self, name)
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not low <= number <= high or number == math.inf or (whole and not number.is_integer()):
            raise FateInputError(f"{name}={value!r} is not {what}.", hint=f"Write {what}.")
        object.__setattr__(self, name, int(number) if whole else number)
