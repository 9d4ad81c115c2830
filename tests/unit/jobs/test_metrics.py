from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fate.jobs import summarize_metrics


def metric(name: str, data: Any, kind: str | None = None) -> Any:
    return SimpleNamespace(name=name, type=kind, groups=[], step_axis=None, data=data)


def evaluation(**models: Any) -> Any:
    return metric("evaluation", models, "evaluation")


def auc(value: float) -> list[Any]:
    return [{"metric": "auc", "val": value}, [{"metric": "ks", "val": value / 2}, {"metric": "ks_table", "val": {}}]]


def test_what_a_boosting_job_measured_becomes_one_flat_mapping() -> None:
    summary = summarize_metrics(
        {
            "psi_0": [
                metric("intersect_id_count", {"intersect_count": 569}, "custom"),
                metric("summary", {"input_count": 600, "intersect_count": 569, "intersect_rate": 0.95}),
            ],
            "sbt_0": [metric("sbt_loss", [{"metric": 0.25, "step": 2, "timestamp": 1.0}], "loss")],
            "evaluation_0": [evaluation(sbt_0={"train_set": auc(0.99)})],
        }
    )
    assert summary == {
        "auc": 0.99,
        "ks": 0.495,
        "psi_0.intersect_count": 569,
        "psi_0.input_count": 600,
        "psi_0.intersect_rate": 0.95,
        "sbt_0.sbt_loss": 0.25,
        "sbt_0.sbt_loss.steps": 3,
        "evaluation_0.sbt_0.train_set.auc": 0.99,
        "evaluation_0.sbt_0.train_set.ks": 0.495,
    }


def test_the_loss_of_each_fold_is_kept() -> None:
    folds = [metric("sbt_loss", [{"metric": loss, "step": 1}], "loss") for loss in (0.5, 0.4)]
    for index, fold in enumerate(folds):
        fold.groups = [
            SimpleNamespace(name="default", index=None),
            SimpleNamespace(name="cross_validations", index=index),
        ]
    assert summarize_metrics({"sbt_0": folds}) == {
        "sbt_0.fold_0.sbt_loss": 0.5,
        "sbt_0.fold_0.sbt_loss.steps": 2,
        "sbt_0.fold_1.sbt_loss": 0.4,
        "sbt_0.fold_1.sbt_loss.steps": 2,
    }


def test_the_short_name_is_of_rows_held_out_and_of_the_first_model() -> None:
    summary = summarize_metrics(
        {
            "evaluation_0": [
                evaluation(
                    sbt_0={"train_set": auc(0.99)},
                    sbt_0_validate={"test_set": auc(0.90)},
                    sbt_alone_0={"train_set": auc(0.95)},
                    sbt_alone_0_validate={"test_set": auc(0.80)},
                )
            ]
        }
    )
    assert summary["auc"] == 0.90
    assert summary["evaluation_0.sbt_alone_0_validate.test_set.auc"] == 0.80


def test_validation_rows_beat_training_rows() -> None:
    summary = summarize_metrics({"evaluation_0": [evaluation(lr_0={"train_set": auc(0.99), "validate_set": auc(0.9)})]})
    assert summary["auc"] == 0.9


def test_a_loss_that_comes_in_pieces_ends_with_the_last() -> None:
    pieces = [metric("loss", [{"metric": 1.0 / step, "step": step}], "loss") for step in (1, 2, 4)]
    assert summarize_metrics({"lr_0": pieces})["lr_0.loss"] == 0.25


def test_numbers_that_json_does_not_have_are_left_out() -> None:
    assert summarize_metrics({"t": [metric("a", {"x": math.nan, "y": math.inf, "z": 1})]}) == {"t.z": 1}


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    ),
    st.sampled_from(["evaluation", "loss", None]),
)
def test_no_shape_breaks_the_summary(data: Any, kind: str | None) -> None:
    json.dumps(summarize_metrics({"task": [metric("m", data, kind)]}), allow_nan=False)
