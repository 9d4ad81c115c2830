"""What a quality gate says."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["BoundFigure", "ComparisonFigure", "GateVerdict", "RowsFigure", "ScoreFigure", "Standing"]


class _Part(BaseModel):
    # Whoever reads a verdict may be older than who has written it.
    model_config = ConfigDict(extra="ignore", frozen=True)


class Standing(StrEnum):
    """How the challenger stands to the champion, by the interval of the difference."""

    BETTER = "better"
    NOT_WORSE = "not worse"
    WORSE = "worse"
    UNDECIDED = "undecided"


class BoundFigure(_Part):
    """A metric next to its bound.

    :param bound: as it was written, such as ``>= 0.75``.
    :param value: what was measured; ``None``: nothing that is a number.
    :param held: whether the value is within the bound.
    """

    metric: str
    bound: str
    value: float | None
    held: bool


class ScoreFigure(_Part):
    """What a metric is on the held-out rows.

    :param champion: ``None``: there is no champion.
    """

    metric: str
    challenger: float
    champion: float | None = None


class RowsFigure(_Part):
    """The rows that were measured.

    :param rows: how many have a score in each table.
    :param only_challenger: rows that only the challenger has scored.
    :param only_champion: rows that only the champion has scored.
    :param classes: rows of each class.
    """

    rows: int
    only_challenger: int = 0
    only_champion: int = 0
    classes: dict[str, int] = {}


class ComparisonFigure(_Part):
    """Challenger and champion on the same rows.

    :param gain: how much better the challenger is, whether more or less of the metric is better; negative: worse.
    :param low: lower end of the interval of the gain.
    :param high: its upper end.
    :param level: of the interval.
    :param passed: whether ``standing`` is what ``require`` asks for.
    """

    metric: str
    challenger: float
    champion: float
    gain: float
    low: float
    high: float
    level: float
    margin: float
    resamples: int
    seed: int
    standing: Standing
    require: str
    passed: bool


class GateVerdict(_Part):
    """Whether a model may go on, and why.

    :param passed: whether it may.
    :param judged: false where something could not be judged, and that was to count as failed.
    :param first: whether there was no champion to compare with.
    :param reasons: why, in sentences; those that failed it come first.
    :param challenger: where the scores were read.
    :param champion: where those of the champion were.
    """

    format: Literal["airflow-provider-fate/gate-verdict"] = "airflow-provider-fate/gate-verdict"
    format_version: Literal[1] = 1
    passed: bool
    judged: bool = True
    first: bool = False
    reasons: tuple[str, ...]
    bounds: tuple[BoundFigure, ...] = ()
    figures: tuple[ScoreFigure, ...] = ()
    rows: RowsFigure | None = None
    comparison: ComparisonFigure | None = None
    challenger: str | None = None
    champion: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON: what XComs hold."""
        return self.model_dump(mode="json")
