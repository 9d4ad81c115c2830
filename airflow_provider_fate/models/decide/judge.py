"""One verdict of all that a gate looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from airflow_provider_fate.errors import FateInputError, FateNotJudgedError
from airflow_provider_fate.models.decide.bounds import Bound
from airflow_provider_fate.models.decide.comparison import compare, count_rows, figures_of
from airflow_provider_fate.models.decide.rule import ScoreComparison
from airflow_provider_fate.models.decide.scores import ScoredRows, pair_scores
from airflow_provider_fate.models.decide.text import bound_sentence, comparison_sentence
from airflow_provider_fate.models.decide.verdict import (
    BoundFigure,
    ComparisonFigure,
    GateVerdict,
    RowsFigure,
    ScoreFigure,
)

__all__ = ["HELD_OUT", "IfUnjudged", "judge", "metrics_of"]

IfUnjudged = Literal["error", "reject"]
HELD_OUT = "scores."
"""Before the names of metrics that are measured on the challenger's scores, where bounds are put on them."""


def metrics_of(given: object) -> dict[str, object]:
    """The metrics of what a task has returned: a job, a prediction, a registered version, or the metrics themselves.

    :raises FateInputError: it has none.
    """
    if given is None:
        return {}
    found = given.get("metrics", given) if isinstance(given, Mapping) else None
    if not isinstance(found, Mapping):
        raise FateInputError(
            f"metrics={given!r} has no metrics.",
            hint="Give the result of a job (train.output), of FateModelRegisterOperator, the path of a model card, or "
            "the metrics: {'auc': 0.8}.",
        )
    return {str(name): value for name, value in found.items()}


def judge(
    *,
    metrics: Mapping[str, object],
    bounds: Sequence[Bound],
    challenger: ScoredRows | None = None,
    champion: ScoredRows | None = None,
    rule: ScoreComparison | None = None,
    if_unjudged: IfUnjudged = "error",
) -> GateVerdict:
    """Say whether a model may go on.

    It may if all bounds hold and, where there is a champion, the comparison gives what its rule requires. The first
    model has no champion: the bounds alone count, so there must be some.

    :param metrics: what was measured before.
    :param bounds: of these metrics; names with ``scores.`` before them are of the challenger's scores.
    :param challenger: scores of the new model.
    :param champion: scores of the present one on the same rows; ``None``: there is none.
    :param if_unjudged: what follows where something cannot be judged: an ``error``, or ``reject`` the model.
    :raises FateNotJudgedError: something cannot be judged, and that is an error.
    """
    case = _Case(if_unjudged)
    rule = rule or ScoreComparison()
    known = dict(metrics)
    if challenger is not None:
        case.measure(challenger, champion, rule)
        known |= {f"{HELD_OUT}{figure.metric}": figure.challenger for figure in case.figures}
    for bound in bounds:
        case.hold(bound, known)
    first = champion is None
    if first and not bounds:
        case.unjudged(
            FateNotJudgedError(
                "There is no champion and there are no bounds: nothing says whether the model is good enough.",
                hint="Give bounds, which hold the first model to something, too: bounds={'auc': '>= 0.75'}.",
            )
        )
    return case.verdict(first, challenger, champion)


class _Case:
    """What has been found so far."""

    def __init__(self, if_unjudged: IfUnjudged) -> None:
        self._if_unjudged = if_unjudged
        self._against: list[str] = []
        self._held: list[str] = []
        self._judged = True
        self._rows: RowsFigure | None = None
        self._bounds: list[BoundFigure] = []
        self._comparison: ComparisonFigure | None = None
        self.figures: list[ScoreFigure] = []

    def unjudged(self, error: FateNotJudgedError) -> None:
        """Something cannot be judged."""
        if self._if_unjudged == "error":
            raise error
        self._judged = False
        self._against.append(error.message)

    def measure(self, challenger: ScoredRows, champion: ScoredRows | None, rule: ScoreComparison) -> None:
        """Measure the scores, and compare them with the champion's."""
        try:
            pairs = pair_scores(challenger, champion, max_unmatched=rule.max_unmatched)
            self._rows = count_rows(pairs, rule)
            self.figures = figures_of(pairs, rule)
            if champion is not None:
                self._comparison = found = compare(pairs, rule)
                self._note(found.passed, comparison_sentence(found, self._rows))
        except FateNotJudgedError as error:
            self.unjudged(error)

    def hold(self, bound: Bound, metrics: Mapping[str, object]) -> None:
        """Hold a metric to its bound."""
        try:
            found = bound.judge(metrics)
        except FateNotJudgedError as error:
            self._bounds.append(BoundFigure(metric=bound.metric, bound=str(bound), value=None, held=False))
            self.unjudged(error)
            return
        self._bounds.append(found)
        self._note(found.held, bound_sentence(found))

    def _note(self, held: bool, sentence: str) -> None:
        (self._held if held else self._against).append(sentence)

    def verdict(self, first: bool, challenger: ScoredRows | None, champion: ScoredRows | None) -> GateVerdict:
        """All of it."""
        alone = ["There is no champion to compare with: the bounds alone count."] if first and self._bounds else []
        return GateVerdict(
            passed=not self._against,
            judged=self._judged,
            first=first,
            reasons=(*self._against, *alone, *self._held),
            bounds=tuple(self._bounds),
            figures=tuple(self.figures),
            rows=self._rows,
            comparison=self._comparison,
            challenger=None if challenger is None else challenger.name,
            champion=None if champion is None else champion.name,
        )
