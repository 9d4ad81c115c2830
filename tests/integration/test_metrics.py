"""Metrics of a job on a real object store."""

from __future__ import annotations

import pytest

from airflow_provider_fate.errors import FateFileExists, FateInputError
from airflow_provider_fate.metrics import JobMetrics, write_metrics
from airflow_provider_fate.storage.folder import StoredFolder
from tests.support.s3 import CONN_ID, RunningS3
from tests.unit.metrics.samples import metrics_of


def test_metrics_go_to_an_object_store_and_come_back(s3: RunningS3) -> None:
    bucket = s3.create_bucket()
    url = f"s3://{CONN_ID}@{bucket}/credit/2026-11-30"
    metrics = metrics_of("boosting.guest")

    with pytest.raises(FateInputError, match="is not there"):
        JobMetrics.read(url)
    first, second = (write_metrics(metrics, StoredFolder(url)) for _ in range(2))
    assert (first.written, second.written) == (True, False)
    assert s3.keys(bucket) == [f"credit/2026-11-30/metrics.{kind}" for kind in ("json", "parquet")]
    assert JobMetrics.read(url) == JobMetrics.read(first.json) == metrics

    with pytest.raises(FateFileExists):
        write_metrics(metrics_of("sshe_lr.guest"), StoredFolder(url))
    assert write_metrics(metrics_of("sshe_lr.guest"), StoredFolder(url), replace=True).written
    assert JobMetrics.read(url) == metrics_of("sshe_lr.guest")
