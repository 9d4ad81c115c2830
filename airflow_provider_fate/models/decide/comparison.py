"""Which of two models is better on the same rows, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from airflow_provider_fate.errors import FateNotJudgedError
from airflow_provider_fate.models.decide.measures import (
    LARGER_IS_BETTER,
    RANKED,
    REGRESSION,
    Draws,
    measure_of,
    possible_metrics,
)
from airflow_provider_fate.models.decide.rule import ScoreComparison
from airflow_provider_fate.models.decide.scores import Floats, PairedScores, class_name
from airflow_provider_fate.models.decide.verdict import ComparisonFigure, RowsFigure, ScoreFigure, Standing

__all__ = ["compare", "count_rows", "figures_of", "standing_of"]

_AT_A_TIME = 200_000
"""So many rows are drawn at a time: what is counted then stays near the processor."""
_MANY_CLASSES = 50


def count_rows(pairs: PairedScores, rule: ScoreComparison) -> RowsFigure:
    """Count the rows, and see that they are enough.

    :raises FateNotJudgedError: there are too few, or only one class.
    """
    rows = len(pairs.label)
    if rows < rule.min_rows:
        raise FateNotJudgedError(
            f"{rows:,} rows are too few to judge by: min_rows={rule.min_rows:,}.",
            hint="Hold more rows out, or lower min_rows if so few will do.",
        )
    if rule.metric in REGRESSION:
        return RowsFigure(rows=rows, only_challenger=pairs.only_challenger, only_champion=pairs.only_champion)
    values, numbers = np.unique(pairs.label, return_counts=True)
    if len(values) == 1:
        raise FateNotJudgedError(
            f"All {rows:,} rows have the label {class_name(values[0])}.",
            hint="Rows of at least two classes are needed. Is the label the true one, or a placeholder?",
        )
    if len(values) > _MANY_CLASSES:
        raise FateNotJudgedError(
            f"The label has {len(values):,} different values, so it is no class as {rule.metric} needs it.",
            hint="Take rmse or mae for numbers: ScoreComparison(metric='rmse').",
        )
    classes = {class_name(value): int(number) for value, number in zip(values, numbers, strict=True)}
    for name, number in classes.items():
        if number < rule.min_per_class:
            raise FateNotJudgedError(
                f"{number:,} rows of class {name} are too few to judge by: min_per_class={rule.min_per_class:,}.",
                hint="Hold more rows out, or lower min_per_class if so few will do.",
            )
    return RowsFigure(
        rows=rows, only_challenger=pairs.only_challenger, only_champion=pairs.only_champion, classes=classes
    )


def figures_of(pairs: PairedScores, rule: ScoreComparison) -> list[ScoreFigure]:
    """All that can be measured on the rows; what decides comes first.

    :raises FateNotJudgedError: the metric that decides cannot be measured.
    """
    once = np.arange(len(pairs.label))[None]
    found = []
    for metric in possible_metrics(rule.metric, pairs):
        try:
            ours = float(measure_of(metric, pairs.label, pairs.challenger)(once)[0])
            theirs = None
            if pairs.champion is not None:
                theirs = float(measure_of(metric, pairs.label, pairs.champion)(once)[0])
        except FateNotJudgedError:
            if metric == rule.metric:
                raise
            continue  # it was not asked for
        found.append(ScoreFigure(metric=metric, challenger=ours, champion=theirs))
    return found


def compare(pairs: PairedScores, rule: ScoreComparison) -> ComparisonFigure:
    """Compare the models, with a paired bootstrap interval of the difference.

    Rows are drawn with replacement, and both models are measured on the same draws, since what is hard for one is
    mostly hard for the other. For AUC and KS each class is drawn for itself. The interval is that of the percentiles.

    :param pairs: with a champion.
    :raises FateNotJudgedError: the metric cannot be measured.
    """
    assert pairs.champion is not None
    ours = measure_of(rule.metric, pairs.label, pairs.challenger)
    theirs = measure_of(rule.metric, pairs.label, pairs.champion)
    once = np.arange(len(pairs.label))[None]
    challenger, champion = float(ours(once)[0]), float(theirs(once)[0])
    sign = 1.0 if rule.metric in LARGER_IS_BETTER else -1.0
    gains = np.concatenate([sign * (ours(draws) - theirs(draws)) for draws in _draws(pairs.label, rule)])
    low, high = np.quantile(gains, [(1 - rule.level) / 2, (1 + rule.level) / 2])
    standing = standing_of(float(low), float(high), rule.margin)
    return ComparisonFigure(
        metric=rule.metric,
        challenger=challenger,
        champion=champion,
        gain=sign * (challenger - champion),
        low=float(low),
        high=float(high),
        level=rule.level,
        margin=rule.margin,
        resamples=rule.resamples,
        seed=rule.seed,
        standing=standing,
        require=rule.require,
        passed=standing in _ENOUGH[rule.require],
    )


_ENOUGH = {
    "better": {Standing.BETTER},
    "not_worse": {Standing.BETTER, Standing.NOT_WORSE},
    "not_shown_worse": {Standing.BETTER, Standing.NOT_WORSE, Standing.UNDECIDED},
}


def standing_of(low: float, high: float, margin: float) -> Standing:
    """What the interval of a gain says.

    :param margin: a loss of so much at most is no loss.
    """
    if low > 0:
        return Standing.BETTER
    if low >= -margin:
        return Standing.NOT_WORSE
    return Standing.WORSE if high < 0 else Standing.UNDECIDED


def _draws(label: Floats, rule: ScoreComparison) -> Iterator[Draws]:
    """As many rows as there are, drawn with replacement, one line for each resample."""
    rng = np.random.default_rng(rule.seed)
    # A draw without one of the classes would have no AUC.
    strata = [np.flatnonzero(label == value) for value in np.unique(label)] if rule.metric in RANKED else None
    groups = strata or [np.arange(len(label))]
    most = max(1, _AT_A_TIME // len(label))
    for begin in range(0, rule.resamples, most):
        number = min(most, rule.resamples - begin)
        yield np.concatenate([rows[rng.integers(0, len(rows), size=(number, len(rows)))] for rows in groups], axis=1)
