"""Shapes that FATE's own components do not log, but those of others may: kept, never dropped."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fate.clients.fate_flow.models import Metric
from airflow_provider_fate.metrics import JobMetrics, MeasuredJob, MetricTable, to_parquet
from airflow_provider_fate.metrics.learned import READ_FROM_MODELS, read_model
from airflow_provider_fate.metrics.logged import Found, read_logged

JOB = MeasuredJob(job_id="1", role="guest", party_id="9999", status="success")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


def logged(data: Any, kind: str | None = None, **more: Any) -> Found:
    return read_logged("t", [Metric.model_validate({"name": "m", "type": kind, "data": data} | more)])


def judged(metric: str, value: Any) -> Found:
    return logged({"lr_0": {"train_set": [{"metric": metric, "val": value}]}}, "evaluation")


def whole(found: Found) -> JobMetrics:
    return JobMetrics(
        job=JOB,
        values=tuple(found.values),
        curves=tuple(found.curves),
        tables=tuple(found.tables),
        raw=tuple(found.raw),
    )


def test_a_roc_that_a_component_logs_itself_is_a_curve() -> None:
    (curve,) = logged([[0, 0], [0.5, 1], [1, 1]], "roc").curves
    assert (curve.x, curve.y) == ((0, 0.5, 1), (0, 1, 1))
    assert logged([0.1, 0.2], "roc").raw[0].data == [0.1, 0.2]


def test_groups_tell_fold_class_and_iteration() -> None:
    groups = [
        {"name": "cross_validations", "index": 2},
        {"name": "class", "index": 1},
        {"name": "iterations", "index": 7},
        {"name": "shard", "index": 3},
    ]
    (value,) = logged({"auc": 0.5}, groups=groups).values
    assert (value.fold, value.label, value.iteration, value.name) == (2, "1", 7, "shard_3.m.auc")


def test_scores_psi_is_a_table_and_a_number_should_fate_ever_compute_it() -> None:
    table = {"psi_scores": [0.1, 0.2], "expected_percentage": [0.5, 0.5], "interval": ["[0,1)", "[1,2]"]}
    found = logged(
        {"lr_0": {"train_set": [[{"metric": "psi_table", "val": table}, {"metric": "total_psi", "val": 0.3}]]}},
        "evaluation",
    )
    (psi,) = found.tables
    assert (psi.name, psi.column("interval")) == ("psi_table", ("[0,1)", "[1,2]"))
    assert (found.values[0].name, found.values[0].value) == ("total_psi", 0.3)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("ks_table", {"tpr": [0.1], "fpr": [0.2]}),
        ("ks_table", {"tpr": [0.1], "fpr": [0.2], "threshold": ["a"], "cuts": [0]}),
        ("biclass_recall_table", {"r": [None], "threshold": [0.1], "cuts": [0]}),
        ("calibration", {"predicted": [0.1, 0.2], "seen": [0.15, 0.3]}),
    ],
)
def test_a_table_with_other_columns_stays_a_table(metric: str, value: dict[str, list[Any]]) -> None:
    (table,) = judged(metric, value).tables
    assert isinstance(table, MetricTable)
    assert {name: list(table.column(name)) for name in table.columns} == value


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("gain", {"gainx": [[0.1]], "gainy": [[0.1]], "threshold": [0.5]}),
        ("lift", {"liftx": [[0.1, 0.2]], "lifty": [[0.1, 0.2], [0, 0]], "threshold": [0.5]}),
        ("auc", None),
        ("auc", [1, 2]),
        ("auc", {"a": 1}),
    ],
)
def test_a_value_of_an_unknown_shape_is_kept_under_its_name(metric: str, value: Any) -> None:
    (raw,) = judged(metric, value).raw
    assert (raw.name, raw.data) == (f"lr_0.train.{metric}", value)


def test_a_step_that_is_no_number_is_kept_and_the_others_are_drawn() -> None:
    points = [{"metric": 0.5, "step": 1}, {"metric": [0.4, 0.3], "step": 2}, {"metric": [0.2], "step": 0}]
    found = logged(points, "loss", step_axis="iterations")
    assert (found.curves[0].steps, found.curves[0].y, found.curves[0].time) == ((0, 1), (0.2, 0.5), None)
    assert [raw.data for raw in found.raw] == [points[1]]


@given(JSON, st.sampled_from(["evaluation", "loss", "roc", None]), st.sampled_from([None, "iterations"]))
def test_no_shape_is_lost_or_breaks_the_files(data: Any, kind: str | None, axis: str | None) -> None:
    metrics = whole(logged(data, kind, step_axis=axis))
    text = metrics.to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert JobMetrics.model_validate_json(text).to_json() == text
    assert to_parquet(metrics)
    assert not metrics.is_empty or (kind == "evaluation" and _holds_nothing(data)) or (axis is not None and data == [])


def _holds_nothing(data: Any) -> bool:
    """Whether an evaluation of this has models and kinds of rows, but nothing of them."""
    if isinstance(data, dict):
        return all(
            isinstance(rows, dict) and all(_leafless(entries) for entries in rows.values()) for rows in data.values()
        )
    return False


def _leafless(entries: Any) -> bool:
    return isinstance(entries, list) and all(map(_leafless, entries))


@given(JSON, st.sampled_from(sorted(READ_FROM_MODELS)))
def test_no_model_breaks_the_reading(model: Any, component: str) -> None:
    read_model("t", component, "guest 9999", {"output_model": model})


def test_numbers_that_json_does_not_have_come_back() -> None:
    text = whole(logged({"x": math.nan, "y": math.inf, "z": -math.inf, "n": 3, "s": "NaNa"})).to_json()
    again = JobMetrics.model_validate_json(text)
    values = {value.name: value.value for value in again.values}
    assert math.isnan(float(values["m.x"]))
    assert values["m.y"] == math.inf
    assert values["m.z"] == -math.inf
    assert (values["m.n"], type(values["m.n"]), values["m.s"]) == (3, int, "NaNa")
