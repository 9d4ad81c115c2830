"""Predictions of folds, judged as FATE's evaluation would."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_fate.clients.fate_flow import FlowClient
from airflow_provider_fate.jobs import HeteroSecureBoost, Party
from airflow_provider_fate.metrics import JobMetrics, collect_metrics
from airflow_provider_fate.metrics.folds import judge
from airflow_provider_fate.operators.metrics import FateMetricsOperator
from airflow_provider_fate.site.records import party_record
from tests.support.fake_flow import FakeFlow, Script
from tests.support.fake_flow.tables import Table
from tests.support.folds import in_folds
from tests.support.task import CONN_ID, Task, connect

HEADER = ["sample_id", "id", "label", "predict_score", "predict_result", "predict_detail", "type"]
TYPES = {
    "label": "int32",
    "predict_score": "float64",
    "predict_result": "int32",
    "predict_detail": "object",
    "type": "object",
}


def floats(values: list[float]) -> pa.Array:
    return pa.array(values, pa.float64())


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=1, max_size=40))
def test_an_auc_counts_the_pairs_that_are_in_order(rows: list[tuple[bool, int]]) -> None:
    label, score = [float(positive) for positive, _ in rows], [tenth / 10 for _, tenth in rows]
    result = [float(one > 0.5) for one in score]
    told = judge(floats(label), floats(score), floats(result))
    high = [one for one, positive in zip(score, label, strict=True) if positive]
    low = [one for one, positive in zip(score, label, strict=True) if not positive]
    pairs = [(a > b) + (a == b) / 2 for a in high for b in low]
    assert told.get("auc") == (pytest.approx(statistics.mean(pairs)) if pairs else None)
    assert told["binary_accuracy"] == pytest.approx(statistics.mean(a == b for a, b in zip(label, result, strict=True)))


def test_values_are_judged_by_their_distance() -> None:
    told = judge(floats([1, 2, 4]), floats([1.5, 2, 3]), floats([1.5, 2, 3]))
    expected = {"rmse": (1.25 / 3) ** 0.5, "mse": 1.25 / 3, "mae": 0.5, "r2_score": 1 - 1.25 / (14 / 3)}
    assert told == pytest.approx(expected)
    assert "r2_score" not in judge(floats([2.5, 2.5]), floats([2, 3]), floats([2, 3]))


@pytest.mark.parametrize("score", [floats([0.5, 0.4, 0.9]), None])
def test_several_classes_are_judged_by_the_result(score: pa.Array | None) -> None:
    assert judge(floats([0, 1, 2]), score, floats([0, 2, 2])) == {"multi_accuracy": pytest.approx(2 / 3)}


def test_no_rows_tell_nothing() -> None:
    assert judge(floats([]), floats([]), floats([])) == {}


# --- a job ------------------------------------------------------------------------------------------------------------


def predicted(*rows: tuple[int, float, str]) -> Table:
    detail = "\"{'0': 0.4, '1': 0.6}\""
    lines = [
        [str(n), f"p{n}", str(label), str(score), str(int(score > 0.5)), detail, kind]
        for n, (label, score, kind) in enumerate(rows)
    ]
    return Table("", "", "dataframe", HEADER, lines, meta={"match_id_name": "id"}, dtypes=TYPES)


FOLDS = [
    predicted((0, 0.1, "train_set"), (1, 0.9, "train_set"), (1, 0.8, "validate_set"), (0, 0.7, "validate_set")),
    predicted((0, 0.9, "train_set"), (1, 0.1, "train_set"), (1, 0.2, "validate_set")),
]


def train(fake: FakeFlow, folds: list[Table]) -> str:
    recipe = HeteroSecureBoost(guest=Party("9999", "a.b"), hosts=[Party("10000", "a.c")])
    document = in_folds(recipe.dag(), "sbt_0", 2)
    fake.plan(Script(data={"sbt_0": {"cv_output_datas": folds}}))
    with FlowClient(fake.settings) as flow:
        job_id = flow.job.submit(document).job_id
        fake.clock.advance(3600)
        flow.job.query(job_id=job_id)
    return job_id


def test_each_fold_has_its_metrics_on_both_kinds_of_rows(
    fake_flow: FakeFlow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, fake_flow)
    job = train(fake_flow, FOLDS)
    given: dict[str, Any] = {"task_id": "m", "fate_conn_id": CONN_ID, "job": job, "target": str(tmp_path)}
    Task(lambda: FateMetricsOperator(**given)).run()
    metrics = JobMetrics.read(tmp_path)
    found = {(one.fold, one.dataset, one.name): one.value for one in metrics.values if one.fold is not None}
    assert found == {
        (0, "train", "auc"): 1.0, (0, "train", "binary_accuracy"): 1.0,
        (0, "validate", "auc"): 1.0, (0, "validate", "binary_accuracy"): 0.5,
        (1, "train", "auc"): 0.0, (1, "train", "binary_accuracy"): 0.0,
        (1, "validate", "binary_accuracy"): 0.0,
    }  # fmt: skip
    assert {one.metric for one in metrics.values if one.fold is not None} == {"cv_output_datas"}
    assert "metrics of each fold" not in [one.what for one in metrics.missing]


@pytest.mark.parametrize("role", ["guest", "host"])
def test_folds_that_are_not_judged_are_missed(fake_flow: FakeFlow, role: str) -> None:
    job = train(fake_flow, FOLDS)
    with FlowClient(fake_flow.settings) as flow:
        record = party_record(flow, job, role, "9999" if role == "guest" else "10000")
        metrics = collect_metrics(flow, record, folds=role == "host")
    (why,) = [one.why for one in metrics.missing if one.what == "metrics of each fold"]
    assert "FateMetricsOperator" in why
