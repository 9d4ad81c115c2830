"""How good scores are, for many draws of the rows at once.

Each measure takes numbers of rows, one line of them for each draw, and gives one number for each line. With every row
once that is the metric itself; with rows drawn at random it is the metric of a resample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from airflow_provider_fate.errors import FateNotJudgedError
from airflow_provider_fate.models.decide.rule import MetricName
from airflow_provider_fate.models.decide.scores import Floats, PairedScores, Scores, class_name

__all__ = ["LARGER_IS_BETTER", "RANKED", "Draws", "Measure", "measure_of", "possible_metrics"]

Draws: TypeAlias = npt.NDArray[np.int64]
"""Numbers of rows, from 0, one line for each draw."""
Measure: TypeAlias = Callable[[Draws], Floats]

LARGER_IS_BETTER: frozenset[MetricName] = frozenset({"auc", "ks", "accuracy"})
RANKED: frozenset[MetricName] = frozenset({"auc", "ks"})
"""These need rows of both classes."""
REGRESSION: frozenset[MetricName] = frozenset({"rmse", "mae"})
_TINY = float(np.finfo(np.float64).eps)
"""Nothing is less probable than this: one row must not make a loss infinite. As scikit-learn has it."""


def is_binary(label: Floats, scores: Scores) -> bool:
    """Whether the score is the probability of class 1, and there are no other classes than 0 and 1."""
    return not scores.has_several_classes and bool(np.isin(label, (0.0, 1.0)).all())


def possible_metrics(metric: MetricName, pairs: PairedScores) -> list[MetricName]:
    """What else can be measured where this metric decides; it comes first."""
    if metric in REGRESSION:
        others: list[MetricName] = ["rmse", "mae"]
    elif is_binary(pairs.label, pairs.challenger):
        others = ["auc", "ks", "logloss", "accuracy"]
    else:
        others = ["auc", "accuracy", "logloss"]
    return [metric, *(name for name in others if name != metric)]


def measure_of(metric: MetricName, label: Floats, scores: Scores) -> Measure:
    """Prepare a measure.

    :raises FateNotJudgedError: these scores have no such metric.
    """
    if metric in RANKED:
        return _ranked(metric, label, scores)
    return _averaged(_loss(metric, label, scores), root=metric == "rmse")


# --- by rank ----------------------------------------------------------------------------------------------------------


def _by_score(label: Floats, score: Floats) -> Callable[[Draws], tuple[Floats, Floats]]:
    """How many rows of each class there are at each score, lowest score first."""
    values, place = np.unique(score, return_inverse=True)
    # One number for score and class, so that one pass counts both.
    codes = place.astype(np.int64) + len(values) * (label == 1)
    bins = 2 * len(values)

    def count(draws: Draws) -> tuple[Floats, Floats]:
        shifted = codes[draws] + np.arange(len(draws))[:, None] * bins
        counts = np.bincount(shifted.ravel(), minlength=len(draws) * bins).reshape(len(draws), 2, len(values))
        return counts[:, 1].astype(np.float64), counts[:, 0].astype(np.float64)

    return count


def _ranked(metric: MetricName, label: Floats, scores: Scores) -> Measure:
    if not is_binary(label, scores):
        if metric == "auc":
            return _one_against_the_rest(label, scores)
        raise FateNotJudgedError(
            f"{metric} compares two classes, and the labels are {_listed(np.unique(label))}.",
            hint="Labels of two classes are 0 and 1. Take auc, accuracy or logloss for more of them, rmse or mae for "
            "numbers: ScoreComparison(metric='accuracy').",
        )
    if metric == "auc":
        return _auc(label, scores.score)
    count = _by_score(label, scores.score)

    def ks(draws: Draws) -> Floats:
        positive, negative = (np.cumsum(counts, axis=1) for counts in count(draws))
        found: Floats = np.abs(positive / positive[:, -1:] - negative / negative[:, -1:]).max(axis=1)
        return found

    return ks


def _listed(classes: Floats) -> str:
    names = [class_name(value) for value in classes[:5]]
    return ", ".join(names) + (" ..." if len(classes) > 5 else "")


def _auc(label: Floats, score: Floats) -> Measure:
    """Of class 1 against class 0."""
    count = _by_score(label, score)

    def auc(draws: Draws) -> Floats:
        positive, negative = count(draws)
        below = np.cumsum(negative, axis=1) - negative / 2
        found: Floats = (positive * below).sum(axis=1) / (positive.sum(axis=1) * negative.sum(axis=1))
        return found

    return auc


def _one_against_the_rest(label: Floats, scores: Scores) -> Measure:
    """The mean of the AUCs of each class against all others, each class alike, as scikit-learn's ``ovr`` and ``macro``.

    FATE itself has no AUC of several classes. Classes of which there is no row have none, and are not in the mean.
    """
    classes = np.unique(label)
    if scores.detail is None:
        raise FateNotJudgedError(
            f"auc of the classes {_listed(classes)} needs the column 'predict_detail'.",
            hint="Download it too, or leave `columns` out. Labels of two classes are 0 and 1; for numbers take rmse or "
            "mae.",
        )
    each = [
        _auc((label == one).astype(np.float64), chances)
        for one, chances in zip(classes, scores.chances(classes), strict=True)
    ]

    def mean(draws: Draws) -> Floats:
        found: Floats = np.mean([measure(draws) for measure in each], axis=0)
        return found

    return mean


# --- by average -------------------------------------------------------------------------------------------------------


def _averaged(loss: Floats, *, root: bool) -> Measure:
    def average(draws: Draws) -> Floats:
        found: Floats = loss[draws].mean(axis=1)
        return found**0.5 if root else found

    return average


def _loss(metric: MetricName, label: Floats, scores: Scores) -> Floats:
    """What each row adds."""
    if metric == "rmse":
        return np.square(scores.score - label)
    if metric == "mae":
        return np.abs(scores.score - label)
    if metric == "accuracy":
        return np.where(_decided(label, scores) == label, 1.0, 0.0)
    return -np.log(np.clip(_chance(label, scores), _TINY, 1.0))


def _decided(label: Floats, scores: Scores) -> Floats:
    """The class that the model decides for."""
    if scores.result is not None:
        return scores.result
    if not is_binary(label, scores):
        raise FateNotJudgedError(
            "accuracy of several classes needs the column 'predict_result'.",
            hint="Download it too, or leave `columns` out.",
        )
    return (scores.score >= 0.5).astype(np.float64)


def _chance(label: Floats, scores: Scores) -> Floats:
    """The probability that the true class was given."""
    if is_binary(label, scores):
        if bool(((scores.score < 0) | (scores.score > 1)).any()):
            raise FateNotJudgedError(
                "logloss needs probabilities, and predict_score is not always between 0 and 1.",
                hint="Take rmse or mae for numbers: ScoreComparison(metric='rmse').",
            )
        return np.where(label == 1, scores.score, 1 - scores.score)
    if scores.detail is None:
        raise FateNotJudgedError(
            "logloss of several classes needs the column 'predict_detail'.",
            hint="Download it too, or leave `columns` out.",
        )
    return scores.chance_of(label)
