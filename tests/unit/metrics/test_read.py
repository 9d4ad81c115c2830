"""What real jobs of FATE 2.2 have measured, read as typed values."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from airflow_provider_fate.errors import FateInputError
from airflow_provider_fate.metrics import JobMetrics
from tests.unit.metrics.samples import NAMES, facts_of, metrics_in, metrics_of

TRAIN = {"model": "sbt_0", "dataset": "train"}
HELD_OUT = {"model": "sbt_0_validate", "dataset": "test"}


@pytest.fixture(scope="module")
def boosting() -> JobMetrics:
    return metrics_of("boosting.guest")


def missing(metrics: JobMetrics) -> list[tuple[str | None, str]]:
    return [(one.task, one.what) for one in metrics.missing]


def test_a_number_says_what_it_belongs_to(boosting: JobMetrics) -> None:
    (auc,) = [value for value in boosting.values if value.name == "auc" and value.dataset == "test"]
    assert (auc.task, auc.metric, auc.model, auc.fold, auc.iteration) == (
        "evaluation_0", "evaluation", "sbt_0_validate", None, None,
    )  # fmt: skip
    assert auc.value == 0.7455357142857143
    assert boosting.value("auc", dataset="train") == 0.9456521739130433
    assert boosting.value("intersect_count") == 120, "logged twice, alike"
    assert boosting.value("method") == "curve25519"
    assert boosting.value("0_summary.train_count") + boosting.value("1_summary.train_count") == boosting.value(
        "train_count"
    )  # type: ignore[operator]


@pytest.mark.parametrize("place", [TRAIN, HELD_OUT])
def test_the_curves_of_an_evaluation_agree_with_its_numbers(boosting: JobMetrics, place: dict[str, str]) -> None:
    roc, ks = boosting.curve("roc", **place), boosting.curve("ks", **place)
    assert (roc.x_name, roc.y_name) == ("false positive rate", "true positive rate")
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    assert max(ks.y) == boosting.value("ks", **place)
    area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in pairwise(zip(roc.x, roc.y, strict=True)))
    assert area == pytest.approx(float(boosting.value("auc", **place)), abs=0.02)

    confusion = boosting.table("confusion_matrix", **place)
    counts = [
        {name: int(cell) for name, cell in zip(confusion.columns, row, strict=True) if name in ("tp", "fp", "tn", "fn")}  # type: ignore[arg-type]
        for row in confusion.rows
    ]
    assert {sum(row.values()) for row in counts} == {90 if place is TRAIN else 30}
    assert confusion.column("threshold") == roc.threshold[:-1]  # type: ignore[index]
    rates = [row["tp"] / (row["tp"] + row["fn"]) for row in counts]
    assert roc.y[:-1] == pytest.approx(rates)


def test_curves_over_thresholds_have_the_threshold_as_x(boosting: JobMetrics) -> None:
    precision, recall = boosting.curve("precision", **TRAIN), boosting.curve("recall", **TRAIN)
    assert (precision.x_unit, precision.y_unit) == ("score", "fraction")
    assert precision.x == recall.x
    assert sorted(recall.y) == list(recall.y), "the lower the threshold, the more is found"
    both = boosting.curve("precision_recall", **TRAIN)
    assert (both.x, both.y, both.threshold) == (recall.y, precision.y, precision.x)
    assert both.made_of == ("biclass_precision_table", "biclass_recall_table")
    assert boosting.curve("accuracy", **TRAIN).made_of == ()
    assert boosting.curve("f1", **TRAIN).x == tuple(number * 0.01 for number in range(100))


def test_gain_and_lift_have_a_curve_for_each_label(boosting: JobMetrics) -> None:
    gain, lift = boosting.curve("gain", label="1", **TRAIN), boosting.curve("lift", label="1", **TRAIN)
    assert gain.x == lift.x
    assert lift.y_unit == "ratio"
    for taken, found, better in zip(gain.x, gain.y, lift.y, strict=True):
        assert taken == 0 or found / taken == pytest.approx(better)
    assert gain.x[0] == 0
    assert boosting.curve("gain", label="0", **TRAIN).x[0] == 1


def test_a_loss_is_a_curve_over_iterations(boosting: JobMetrics) -> None:
    loss = boosting.curve("sbt_loss")
    assert (loss.steps, loss.y, loss.dataset) == ((0, 1), (0.5611051422717687, 0.47650216650709204), "train")
    assert loss.time is not None
    assert loss.time[0] < loss.time[1]
    last = loss.last()
    assert last is not None
    assert (last.value, last.iteration) == (loss.y[-1], 1)
    assert boosting.value("sbt_loss") == loss.y[-1]
    assert boosting.curve("roc", **TRAIN).steps is None


def test_what_columns_count_for_comes_from_the_models(boosting: JobMetrics) -> None:
    ranked = {one.name: [(share.feature, share.party) for share in one.features] for one in boosting.importances}
    own = [("a", "guest 9999"), ("b", "guest 9999")]
    assert (ranked["gain"], ranked["split"]) == (own, own)
    assert ranked["iv"] == [own[1], ("host_10000_x0", "host 10000"), own[0], ("host_10000_x1", "host 10000")]
    host = metrics_of("boosting.host")
    assert [(one.name, one.features[0].feature) for one in host.importances] == [("split", "c")]
    assert {("sbt_0", "gain of own columns"), ("binning_0", "information values")} <= set(missing(host))


def test_statistics_bins_and_selection_are_tables(boosting: JobMetrics) -> None:
    statistics = boosting.table("statistics")
    assert statistics.column("column") == ("a", "b")
    assert statistics.column("missing_ratio") == (0.0, 0.0)
    bins = boosting.table("bins")
    assert Counter(bins.column("column")) == dict.fromkeys(("a", "b", "host_10000_x0", "host_10000_x1"), 10)
    assert sum(bins.column("event_count")[:10]) + sum(bins.column("non_event_count")[:10]) == 90  # type: ignore[arg-type]
    assert set(boosting.table("selection").column("selected")) == {True}


def test_folds_are_told_apart() -> None:
    folds = metrics_of("boosting_folds.guest")
    assert [curve.fold for curve in folds.curves if curve.name == "sbt_loss"] == [0, 1, 2]
    assert folds.curve("sbt_loss", fold=1).y != folds.curve("sbt_loss", fold=2).y
    with pytest.raises(FateInputError, match=r"several of curve sbt_loss.*\n.*sbt_0\.train\.fold_0\.sbt_loss"):
        folds.curve("sbt_loss")
    with pytest.raises(FateInputError, match=r"no curve sbt_loss, fold=3.*\n"):
        folds.curve("sbt_loss", fold=3)
    with pytest.raises(FateInputError, match=r"not told apart by folds.*\n.*fold"):
        folds.curve("sbt_loss", folds=1)
    assert ("sbt_0", "feature importance") in missing(folds)


@pytest.mark.parametrize(
    ("name", "curve", "steps"),
    [
        ("sshe_lr.guest", "lr_loss", (0, 1)),
        ("coordinated_lr.arbiter", "lr_loss", (0, 1)),
        ("homo_lr.guest", "loss", (1, 2, 3)),
        ("homo_lr.arbiter", "loss", (0, 1, 2)),
        ("homo_nn.guest", "loss", (1, 2, 3)),
        ("hetero_nn.guest", "loss", (1, 2)),
    ],
)
def test_every_training_has_its_loss_where_fate_shows_it(name: str, curve: str, steps: tuple[int, ...]) -> None:
    metrics = metrics_of(name)
    assert metrics.curve(curve).steps == steps
    assert "loss" not in [what for _, what in missing(metrics)]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("boosting.host", "the guest is told the loss"),
        ("sshe_lr.host", "the guest is told the loss"),
        ("coordinated_lr.guest", "the arbiter is told the loss"),
        ("coordinated_lr.host", "the arbiter is told the loss"),
        ("hetero_nn.host", "is 0 in each epoch"),
    ],
)
def test_a_loss_that_is_not_shown_is_named_with_the_reason(name: str, why: str) -> None:
    metrics = metrics_of(name)
    assert [one.why for one in metrics.missing if one.what == "loss" and why in one.why]
    assert not metrics.curves or not any("loss" in curve.name for curve in metrics.curves)


def test_zeros_that_a_host_logs_as_its_loss_are_kept_but_not_believed() -> None:
    assert [raw.data[0]["metric"] for raw in metrics_of("hetero_nn.host").raw] == [0.0, 0.0]  # type: ignore[index, call-overload]


def test_samples_and_unions_are_counted() -> None:
    homo = metrics_of("homo_lr.guest")
    assert (homo.value("total.sampled_count", task="sample_0"), homo.value("total", task="union_0")) == (80, 160)


def test_a_regression_has_its_errors() -> None:
    metrics = metrics_of("boosting_regression.guest")
    rmse, mse = float(metrics.value("rmse")), float(metrics.value("mse"))
    assert rmse**2 == pytest.approx(mse)
    assert metrics.curve("sbt_loss").y[-1] == pytest.approx(mse)


def test_a_party_without_the_evaluation_is_told_so() -> None:
    assert ("evaluation_0", "evaluation") in missing(metrics_of("boosting.host"))
    assert (None, "metrics of guest 9999") in missing(metrics_of("boosting.host"))


def test_an_evaluation_whose_metrics_were_deleted_is_missed() -> None:
    facts = facts_of("sshe_lr.guest")
    facts["metrics"] |= {"evaluation_0": [], "lr_0": []}
    found = missing(metrics_in(facts))
    assert {("evaluation_0", "evaluation"), ("lr_0", "loss")} <= set(found)


def test_a_model_that_was_deleted_is_missed() -> None:
    facts = facts_of("boosting.guest")
    del facts["models"]["sbt_0"]
    metrics = metrics_in(facts)
    assert ("sbt_0", "feature importance") in missing(metrics)
    assert [one.name for one in metrics.importances] == ["iv"]


def test_a_task_that_failed_is_named() -> None:
    assert ("evaluation_0", "all metrics") in missing(metrics_of("boosting_folds.guest"))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_a_real_job_logs_has_an_unknown_shape(name: str) -> None:
    metrics = metrics_of(name)
    assert metrics.raw == () or name == "hetero_nn.host"
    logged = sum(len(found) for found in facts_of(name)["metrics"].values())
    assert (not metrics.is_empty) is bool(logged)
    places = Counter((*curve.path, curve.iteration) for curve in metrics.curves)
    assert max(places.values(), default=1) == 1
