"""What a tracking server is given."""

from __future__ import annotations

import math
import re

import pytest

from airflow_provider_fate.metrics import JobMetrics, MeasuredJob, MetricValue, metric_points
from tests.unit.metrics.samples import NAMES, metrics_of


def test_numbers_and_losses_are_points_with_steps() -> None:
    points = metric_points(metrics_of("boosting.guest"))
    assert ("evaluation_0/sbt_0/train/auc", 0.9456521739130433, 0) in points
    assert ("evaluation_0/sbt_0_validate/test/auc", 0.7455357142857143, 0) in points
    assert [(value, step) for key, value, step in points if key == "sbt_0/train/sbt_loss"] == [
        (0.5611051422717687, 0), (0.47650216650709204, 1),
    ]  # fmt: skip
    assert not [key for key, _, _ in points if "roc" in key or "method" in key]


def test_folds_have_keys_of_their_own() -> None:
    keys = [key for key, _, _ in metric_points(metrics_of("boosting_folds.guest")) if "loss" in key]
    assert sorted(set(keys)) == [f"sbt_0/train/fold_{fold}/sbt_loss" for fold in (0, 1, 2)]


def test_curves_and_importances_are_given_when_asked_for() -> None:
    metrics = metrics_of("boosting.guest")
    points = metric_points(metrics, curves=True)
    roc = metrics.curve("roc", dataset="train")
    key = "evaluation_0/sbt_0/train/roc"
    assert [value for name, value, _ in points if name == f"{key}/x"] == list(roc.x)
    assert [step for name, _, step in points if name == f"{key}/y"] == list(range(101))
    assert ("sbt_0/gain/a", 33.6629456325, 0) in points
    assert ("binning_0/iv/host_10000_x0", 0.9927141392747328, 0) in points


@pytest.mark.parametrize("name", NAMES)
def test_points_are_what_mlflow_takes(name: str) -> None:
    points = metric_points(metrics_of(name), curves=True)
    assert len({(key, step) for key, _, step in points}) == len(points)
    for key, value, step in points:
        assert re.fullmatch(r"[\w.][\w./ -]{0,249}", key, re.ASCII)
        assert "//" not in key
        assert type(value) is float
        assert math.isfinite(value)
        assert type(step) is int


def test_names_of_people_become_keys_and_no_number_is_left_out() -> None:
    job = MeasuredJob(job_id="1", role="guest", party_id="9999", status="success")
    values = tuple(
        MetricValue(task="t", metric="m", name=name, value=value, iteration=3)
        for name, value in (
            ("größe/Kunde:in", 1),
            ("nan", math.nan),
            ("text", "a"),
            ("good", True),
            ("..", 4),
            ("x" * 300, 2),
        )
    )
    assert metric_points(JobMetrics(job=job, values=values)) == [
        ("t/gr__e_Kunde_in", 1.0, 3), ("t/good", 1.0, 3), ("t/_", 4.0, 3), ("x" * 250, 2.0, 3),
    ]  # fmt: skip
