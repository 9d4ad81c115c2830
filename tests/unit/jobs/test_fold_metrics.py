"""Folds are judged as scikit-learn would, and what a fold lacks spoils no mean."""

from __future__ import annotations

import math
import random

import pytest

from airflow_provider_fate.jobs.fold_metrics import fold_metrics, judge_fold


def test_a_binary_fold_has_the_numbers_that_scikit_learn_gives() -> None:
    # sklearn 1.5: roc_auc_score, accuracy_score, f1_score; KS is max(tpr - fpr) of roc_curve.
    labels = [0, 0, 1, 1, 1, 0, 1, 0]
    scores = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.9, 0.2]
    found = judge_fold("binary", labels, scores, [float(score > 0.5) for score in scores])
    assert found == pytest.approx({"auc": 0.8125, "ks": 0.5, "binary_accuracy": 0.75, "binary_f1_score": 2 / 3})


def test_the_auc_counts_pairs_in_the_right_order_and_half_of_those_that_tie() -> None:
    dice = random.Random(3)
    labels = [dice.randint(0, 1) for _ in range(60)]
    scores = [dice.randint(0, 9) / 10 for _ in labels]
    above = [score for score, label in zip(scores, labels, strict=True) if label]
    below = [score for score, label in zip(scores, labels, strict=True) if not label]
    pairs = [(a > b) + (a == b) / 2 for a in above for b in below]
    found = judge_fold("binary", labels, scores, labels)
    assert found["auc"] == pytest.approx(sum(pairs) / len(pairs))
    cuts = [(sum(a >= cut for a in above) / len(above)) - sum(b >= cut for b in below) / len(below) for cut in scores]
    assert found["ks"] == pytest.approx(max(0.0, *cuts))


def test_a_model_that_is_always_wrong_has_no_gap() -> None:
    found = judge_fold("binary", [1, 0], [0.1, 0.9], [0, 1])
    assert (found["auc"], found["ks"]) == (0, 0)


def test_several_classes_count_alike() -> None:
    found = judge_fold("multi", [0, 0, 1, 2], [0.5, 0.5, 0.5, 0.5], [0, 1, 1, 2])
    assert found == pytest.approx({"multi_accuracy": 0.75, "multi_precision": 2.5 / 3, "multi_recall": 2.5 / 3})


def test_a_number_is_judged_by_its_errors() -> None:
    found = judge_fold("regression", [1.0, 2.0, 3.0], [1.0, 2.0, 5.0], [])
    assert found == pytest.approx({"rmse": math.sqrt(4 / 3), "mse": 4 / 3, "mae": 2 / 3, "r2_score": -1.0})


def test_what_cannot_be_computed_is_left_out() -> None:
    assert "auc" not in judge_fold("binary", [1, 1], [0.5, 0.6], [1, 1])
    assert "r2_score" not in judge_fold("regression", [2.0, 2.0], [1.0, 2.0], [])
    assert judge_fold("binary", [], [], []) == {}


def test_all_folds_have_a_mean_and_a_deviation() -> None:
    found = fold_metrics([{"auc": 0.8, "ks": 0.5}, {"auc": 0.9, "ks": 0.7}])
    assert found == pytest.approx(
        {
            "cv.folds": 2,
            "cv.fold_0.auc": 0.8,
            "cv.fold_0.ks": 0.5,
            "cv.fold_1.auc": 0.9,
            "cv.fold_1.ks": 0.7,
            "cv.auc.mean": 0.85,
            "cv.auc.std": 0.05,
            "cv.ks.mean": 0.6,
            "cv.ks.std": 0.1,
            "auc": 0.85,
            "ks": 0.6,
        }
    )


def test_what_one_fold_lacks_has_no_mean() -> None:
    found = fold_metrics([{"auc": 0.8, "binary_accuracy": 1.0}, {"binary_accuracy": 0.5}])
    assert not {"cv.auc.mean", "auc"} & found.keys()
    assert found["cv.fold_0.auc"] == 0.8
    assert found["cv.binary_accuracy.mean"] == 0.75


def test_no_folds_are_no_metrics() -> None:
    assert fold_metrics([]) == {}
