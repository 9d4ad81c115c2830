"""How good the predictions of each fold are, and all folds together.

FATE-Flow cannot hand the tables of several folds to its evaluation (the task fails), so the folds are judged here, by
FATE's names for the metrics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from statistics import fmean, pstdev
from typing import Literal

__all__ = ["Kind", "fold_metrics", "judge_fold"]

Kind = Literal["binary", "multi", "regression"]

PREFIX = "cv"


def fold_metrics(folds: Sequence[Mapping[str, float]]) -> dict[str, float | int]:
    """Return the metrics of all folds in one flat mapping.

    ``cv.folds`` is their number, ``cv.fold_0.auc`` the metric of a fold, ``cv.auc.mean`` and ``cv.auc.std`` (of the
    population, as scikit-learn's ``std``) are those of all folds; ``auc`` alone is the mean, too. What one of the folds
    does not have, such as the AUC of rows of one class, has no mean.

    :param folds: the metrics of each.
    """
    if not folds:
        return {}
    found: dict[str, float | int] = {f"{PREFIX}.folds": len(folds)}
    for number, fold in enumerate(folds):
        found |= {f"{PREFIX}.fold_{number}.{name}": value for name, value in fold.items()}
    for name in dict.fromkeys(name for fold in folds for name in fold):
        values = [fold[name] for fold in folds if name in fold]
        if len(values) == len(folds):
            found[name] = found[f"{PREFIX}.{name}.mean"] = fmean(values)
            found[f"{PREFIX}.{name}.std"] = pstdev(values)
    return found


def judge_fold(
    kind: Kind, labels: Sequence[float], scores: Sequence[float], predicted: Sequence[float]
) -> dict[str, float]:
    """Return the metrics of the rows that one fold has held out.

    :param kind: what is learned.
    :param labels: the labels.
    :param scores: the scores: of class 1, of the predicted class, or the predicted number.
    :param predicted: the predicted classes; the predicted numbers.
    """
    if not labels:
        return {}
    if kind == "regression":
        found = _regression(labels, scores)
    else:
        found = _classes(labels, predicted) if kind == "multi" else _binary(labels, scores, predicted)
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _binary(labels: Sequence[float], scores: Sequence[float], predicted: Sequence[float]) -> dict[str, float]:
    right = sum(label == guess for label, guess in zip(labels, predicted, strict=True))
    hits = sum(label == 1 and guess == 1 for label, guess in zip(labels, predicted, strict=True))
    claims, positives = sum(guess == 1 for guess in predicted), sum(label == 1 for label in labels)
    found = {
        "binary_accuracy": right / len(labels),
        "binary_f1_score": 2 * hits / (claims + positives) if claims + positives else math.nan,
    }
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        return found
    area, gap, above, below = 0.0, 0.0, 0, 0  # of the rows so far, from the highest score on
    order = sorted(zip(scores, labels, strict=True), reverse=True)
    for _, tied in groupby(order, key=lambda row: row[0]):
        classes = [label == 1 for _, label in tied]
        more = sum(classes)
        # Rows of the same score are in no order: half of their pairs count.
        area += (len(classes) - more) * (above + more / 2)
        above, below = above + more, below + len(classes) - more
        gap = max(gap, above / positives - below / negatives)
    return {"auc": area / (positives * negatives), "ks": gap, **found}


def _classes(labels: Sequence[float], predicted: Sequence[float]) -> dict[str, float]:
    known = sorted({*labels, *predicted})
    pairs = list(zip(labels, predicted, strict=True))
    recalls, precisions = [], []
    for one in known:
        hits = sum(label == one == guess for label, guess in pairs)
        there, claimed = sum(label == one for label in labels), sum(guess == one for guess in predicted)
        recalls.append(hits / there if there else 0.0)
        precisions.append(hits / claimed if claimed else 0.0)
    right = sum(label == guess for label, guess in pairs) / len(pairs)
    return {"multi_accuracy": right, "multi_precision": fmean(precisions), "multi_recall": fmean(recalls)}


def _regression(labels: Sequence[float], scores: Sequence[float]) -> dict[str, float]:
    errors = [score - label for label, score in zip(labels, scores, strict=True)]
    middle = fmean(labels)
    spread = math.fsum((label - middle) ** 2 for label in labels)
    squares = math.fsum(error * error for error in errors)
    mse = squares / len(errors)
    return {
        "rmse": math.sqrt(mse),
        "mse": mse,
        "mae": math.fsum(map(abs, errors)) / len(errors),
        "r2_score": 1 - squares / spread if spread else math.nan,
    }
