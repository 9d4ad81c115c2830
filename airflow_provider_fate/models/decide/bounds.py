"""Bounds that metrics are held to."""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from airflow_provider_fate.errors import FateInputError, FateNotJudgedError
from airflow_provider_fate.models.decide.verdict import BoundFigure

__all__ = ["Bound", "read_bounds"]

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_LIMIT = re.compile(r"\s*(>=|<=|>|<)\s*(\S+)\s*")
_HOW = "Write '>= 0.75', '< 0.5', or both ends with a comma: '>= 0.2, < 0.9'."


@dataclass(frozen=True)
class Bound:
    """Limits of one metric.

    :param metric: its name, as the metrics have it.
    :param limits: pairs of a sign and a number; all must hold.
    """

    metric: str
    limits: tuple[tuple[str, float], ...]

    @classmethod
    def parse(cls, metric: str, text: object) -> Bound:
        """Read ``">= 0.75"`` or ``">= 0.2, < 0.9"``.

        :raises FateInputError: it is none, or no number is within it.
        """
        if not isinstance(text, str):
            raise FateInputError(f"bounds: {text!r} is no bound of {metric!r}.", hint=_HOW)
        found = [_LIMIT.fullmatch(part) for part in text.split(",")]
        limits: list[tuple[str, float]] = []
        for match in found:
            try:
                number = float(match[2]) if match else math.nan
            except ValueError:
                number = math.nan
            if match is None or not math.isfinite(number):
                raise FateInputError(f"bounds: {text!r} is no bound of {metric!r}.", hint=_HOW)
            limits.append((match[1], number))
        bound = cls(metric, tuple(limits))
        bound._check(text)
        return bound

    def _check(self, text: str) -> None:
        lows = [(number, sign) for sign, number in self.limits if sign.startswith(">")]
        highs = [(number, sign) for sign, number in self.limits if sign.startswith("<")]
        if len(lows) > 1 or len(highs) > 1:
            raise FateInputError(f"bounds: {text!r} of {self.metric!r} has two limits on one side.", hint=_HOW)
        if lows and highs:
            (low, above), (high, below) = lows[0], highs[0]
            if low > high or (low == high and (above, below) != (">=", "<=")):
                raise FateInputError(f"bounds: no number is {text!r}, as {self.metric!r} should be.", hint=_HOW)

    def __str__(self) -> str:
        return ", ".join(f"{sign} {number:g}" for sign, number in self.limits)

    def holds(self, value: float) -> bool:
        """Whether a value is within all limits."""
        return all(_HOLDS[sign](value, number) for sign, number in self.limits)

    def judge(self, metrics: Mapping[str, object]) -> BoundFigure:
        """Hold a metric to the bound.

        :raises FateNotJudgedError: it was not measured, or is no number.
        """
        if self.metric not in metrics:
            close = difflib.get_close_matches(self.metric, metrics, n=3, cutoff=0.5)
            there = ", ".join(close or sorted(metrics)[:20]) or "none at all"
            raise FateNotJudgedError(
                f"There is no metric {self.metric!r}, which bounds names.",
                hint=f"{'Close to it are' if close else 'There are'} {there}. A metric that is not a finite number, as "
                "of a training that has diverged, is not among them either.",
            )
        value = metrics[self.metric]
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise FateNotJudgedError(
                f"Metric {self.metric!r} is {value!r}, which is no finite number.",
                hint="Has the training diverged? Bounds can be put on numbers only.",
            )
        return BoundFigure(metric=self.metric, bound=str(self), value=float(value), held=self.holds(value))


def read_bounds(bounds: Mapping[str, str] | None) -> list[Bound]:
    """Read the bounds of all metrics.

    :raises FateInputError: one of them is none.
    """
    if not bounds:
        return []
    if not isinstance(bounds, Mapping):
        raise FateInputError(f"bounds={bounds!r} is not a mapping.", hint='Write bounds={"auc": ">= 0.75"}.')
    return [Bound.parse(str(metric), text) for metric, text in bounds.items()]
